"""How long a training takes and how much time is left, from the steps and validations so far."""

from .fit import Step


class TimeEstimate:
    """Estimates the seconds of a training. A validation takes no part in the time of its step.

    >>> estimate = TimeEstimate(steps=1000, steps_before=0, validate_every=100)
    >>> estimate.total
    0.0
    """

    def __init__(self, *, steps: int, steps_before: int, validate_every: int) -> None:
        """``steps`` is the total, of which another process did ``steps_before``. ``validate_every`` 0: no validation."""
        self._steps, self._before, self._every = steps, steps_before, validate_every
        self._step = steps_before
        self._first = self._others = self._validation = 0.0  # seconds: the first step is slower than the others
        self._validations = 0

    def add(self, step: Step, seconds: float) -> None:
        """Count a step. ``seconds`` is the time since the previous one, a validation of this step included."""
        if step.validation is not None:
            self._validation += max(0.0, seconds - step.seconds)
            self._validations += 1
            seconds = min(seconds, step.seconds)
        if self._step == self._before:
            self._first = seconds
        else:
            self._others += seconds
        self._step = step.step

    @property
    def count(self) -> int:
        """Number of steps so far, those of another process not counted."""
        return self._step - self._before

    @property
    def is_without_validation(self) -> bool:
        """Whether the estimate leaves out the validations, because none has been measured yet."""
        return bool(self._every) and self._validations == 0

    @property
    def total(self) -> float:
        """Seconds of all steps of this process, and of their validations if one has been measured."""
        return (
            self._first + self._step_seconds * (self._steps - self._before - 1) + self._validations_after(self._before)
        )

    @property
    def seconds_left(self) -> float:
        """Seconds of the steps and validations that are left."""
        return self._step_seconds * (self._steps - self._step) + self._validations_after(self._step)

    @property
    def _step_seconds(self) -> float:
        return self._others / (self.count - 1) if self.count > 1 else self._first

    def _validations_after(self, step: int) -> float:
        """Seconds of the validations after ``step``. The last step is validated, too."""
        if not self._validations:
            return 0.0
        number = -(-self._steps // self._every) - step // self._every if self._every else 0
        return number * self._validation / self._validations
