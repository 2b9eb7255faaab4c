"""What a training leaves in its run folder while it goes on: a log, the weights, and the state to continue from."""

from pathlib import Path
from typing import Any

from torch import nn

from ..training.fit import FitState, Step
from .checkpoint import save_model, save_state
from .file_names import MODEL
from .folder import RunFolder
from .log import append_to_log
from .run import Run

_LOG_EVERY = 10  # steps


class Recorder:
    """Writes the steps of a training of ``net`` into ``folder``. The first save publishes the folder."""

    def __init__(self, folder: RunFolder, run: Run, net: nn.Module, *, save_every: int) -> None:
        self._folder, self._run, self._net, self._save_every = folder, run, net, save_every

    @property
    def name(self) -> Path:
        """Where the run folder is in the end."""
        return self._folder.name

    def record(self, step: Step, rate: float) -> dict[str, Any] | None:
        """Log every tenth step, and save every ``save_every`` steps. Both also at the end. ``rate`` is in tasks/s.

        Returns the line of the log, if there is one.
        """
        line = None
        if step.step % _LOG_EVERY == 0 or step.validation or step.is_last:
            line = log_line(step, rate)
            append_to_log(self._folder.path, line)
        if step.step % self._save_every == 0 or step.is_last:
            self.save(step.state)
        return line

    def save(self, state: FitState) -> None:
        """Save the weights and the state now, and publish the folder."""
        # The state comes last: once it holds the last step, resuming writes no more weights.
        save_model(self._folder.path, self._run, self._net, state)
        save_state(self._folder.path, self._run, self._net, state)
        self._folder.publish()

    def finish(self, state: FitState) -> None:
        """Save the initial weights if no step was trained."""
        if not (self._folder.path / MODEL).exists():
            save_model(self._folder.path, self._run, self._net, state)
        self._folder.publish()


def log_line(step: Step, rate: float) -> dict[str, Any]:
    """The line of ``metrics.jsonl`` for a step. ``rate`` is in tasks per second."""
    line: dict[str, Any] = {"step": step.step, **step.metrics, "cost": step.cost, "lr": step.lr}
    line["tasks_per_second"] = round(rate, 1)
    if step.validation:
        scores = step.validation.scores.items()
        line["validation"] = {name: {"mean": score.mean, "ci95": score.ci95} for name, score in scores}
    return line
