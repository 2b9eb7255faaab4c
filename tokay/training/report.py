"""The progress of a training on a screen: a live bar on a terminal and in a notebook, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from .fit import Step
from .time_estimate import TimeEstimate

_LONG = 60.0
"""seconds from which on a training is announced as long"""
_SECONDS_BETWEEN_LINES = (1.0, 30.0)
"""plain lines: a tenth of the steps is one line, but not sooner than the first, and the second is always one"""


class TrainingReport:
    """Reports the steps of a training on ``console``, inside a ``with`` block.

    >>> from tokay import MAML, FitConfig, Sizes, fit
    >>> from tokay.networks import MLP
    >>> from tokay.tasks import Sinusoid
    >>> source = Sinusoid().tasks("train", Sizes(ways=1, shots=5, queries=5))
    >>> net = MAML().build(MLP(hidden=(8,)).build((1,)), source.spec)
    >>> with TrainingReport(Console(width=100), "maml", steps=1) as report:
    ...     for step in fit(MAML(), net, source, FitConfig(steps=1)):
    ...         report.update(step)  # doctest: +ELLIPSIS
    maml: step 1 of 1 (100 %)  loss ... tasks/s
    """

    def __init__(
        self,
        console: Console,
        title: str,
        *,
        steps: int,
        steps_before: int = 0,
        validate_every: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``steps`` is the total of the training, of which another process did ``steps_before``.

        ``validate_every`` is the number of steps from one validation to the next. 0: there is none.
        """
        self._console, self._title, self._steps, self._before, self._clock = console, title, steps, steps_before, clock
        self._bar = progress_bar(console, title) if is_live(console) else None
        self._task = self._bar.add_task("", total=steps, completed=steps_before, text="") if self._bar else None
        self._start = self._line_time = self._step_time = clock()
        self._first_time: float | None = None  # when the first step ended
        self._time = TimeEstimate(steps=steps, steps_before=steps_before, validate_every=validate_every)
        self._line_step, self._tasks, self._held_out, self._is_estimated = steps_before, 0, "", False

    def __enter__(self) -> Self:
        self._start = self._line_time = self._step_time = self._clock()
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def tasks_per_second(self) -> float:
        """Training tasks per second since the start, validation included."""
        return self._tasks / max(self._clock() - self._start, 1e-9)

    def update(self, step: Step) -> None:
        """Report a step. Call it once for each."""
        self._tasks += step.tasks
        if step.validation:
            self._held_out = "  held out: " + brief({name: s.mean for name, s in step.validation.scores.items()})
        self._estimate(step)
        text = f"{brief(step.metrics)}  {describe_rate(self.tasks_per_second)}{self._held_out}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=step.step, text=text)
        elif self._is_line_due(step):
            self._line_step, self._line_time = step.step, self._clock()
            self._print(
                f"{self._title}: step {step.step:,} of {self._steps:,} ({self._percent(step)} %)  {text}{self._time_left(step)}"
            )

    def _estimate(self, step: Step) -> None:
        """After a few steps, say once how long a long training will take."""
        now = self._clock()
        self._time.add(step, now - self._step_time)
        self._step_time = now
        if self._first_time is None:
            self._first_time = now
            return
        is_early = self._time.count < 6 and now - self._first_time < 5
        if self._is_estimated or step.is_last or is_early:
            return
        self._is_estimated = True
        if self._time.total >= _LONG:
            more = "more " if self._before else ""
            rest = ", validation not counted" if self._time.is_without_validation else ""
            duration = describe_time(self._time.total)
            self._print(
                f"About {duration} for {self._steps - self._before:,} {more}steps{rest}. Ctrl-C saves and stops."
            )

    def _is_line_due(self, step: Step) -> bool:
        least, most = _SECONDS_BETWEEN_LINES
        seconds = self._clock() - self._line_time
        is_tenth = step.step * 10 // self._steps > self._line_step * 10 // self._steps
        return step.is_last or seconds >= most or (is_tenth and seconds >= least)

    def _percent(self, step: Step) -> int:
        return 100 * step.step // self._steps

    def _time_left(self, step: Step) -> str:
        if step.is_last:
            return ""
        return f"  {describe_time(self._time.seconds_left)} left"

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def is_live(console: Console) -> bool:
    """Whether ``console`` can show a bar that moves: a terminal, or a notebook with ipywidgets."""
    return console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)


def describe_time(seconds: float) -> str:
    """A length of time in words, with no more digits than an estimate has.

    >>> [describe_time(seconds) for seconds in (0.2, 45, 100, 840, 12_000)]
    ['1 second', '45 seconds', '2 minutes', '14 minutes', '3.3 hours']
    """
    if seconds < 90:
        count = max(1, round(seconds))
        return f"{count} second{'' if count == 1 else 's'}"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def describe_rate(tasks_per_second: float) -> str:
    """How fast a training goes, with no more digits than it needs.

    >>> [describe_rate(rate) for rate in (0.04, 0.3, 7.26, 1234.5)]
    ['2.4 tasks/min', '0.3 tasks/s', '7.3 tasks/s', '1234 tasks/s']
    """
    if tasks_per_second < 0.1:
        return f"{60 * tasks_per_second:.1f} tasks/min"
    return f"{tasks_per_second:.{0 if tasks_per_second >= 10 else 1}f} tasks/s"


def brief(metrics: dict[str, float]) -> str:
    """The loss, and those of accuracy, bits and log-likelihood that the step has.

    >>> brief({"loss": 0.5, "accuracy": 0.75})
    'loss 0.500 accuracy 75.0 %'
    """
    parts = [f"loss {metrics['loss']:.3f}"]
    if "accuracy" in metrics:
        parts.append(f"accuracy {100 * metrics['accuracy']:.1f} %")
    if "bits" in metrics:
        parts.append(f"{metrics['bits']:.2f} bits, {metrics['wrong_bits']:.1f} wrong")
    if "log_likelihood" in metrics:
        parts.append(f"log-likelihood {metrics['log_likelihood']:.3f}")
    return " ".join(parts)


class _BarWithText(Progress):
    """A bar with the text of the caller on a line of its own: beside the bar, a narrow terminal would cut its end."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield from (Text(text) for task in self.tasks if (text := task.fields["text"]))


def progress_bar(console: Console, title: str) -> Progress:
    """A live bar: the number of finished steps, the time used and the time left; under it the ``text`` of the caller."""
    return _BarWithText(
        TextColumn(title),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
