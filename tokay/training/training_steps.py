"""``fit`` for people: the generator of ``training.fit``, which says so if nobody iterates over it."""

import warnings
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, Self

from .fit import Step, fit as _fit

P = ParamSpec("P")
_ADVICE = (
    "fit(...) trains one outer step each time its loop asks for one. Nothing has asked, so nothing was trained. "
    "Write `for step in fit(...):`, or call tokay.train(...), which needs no loop."
)


class TrainingSteps(Iterator[Step]):
    """The outer steps of a training. Each ``next`` trains one step. Warns at its end if there was no ``next``."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps = steps
        self._warning = weakref.finalize(self, _warn_that_nothing_was_trained)  # at the end of the process, too

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Step:
        self._warning.detach()
        return next(self._steps)

    def __repr__(self) -> str:
        return f"<TrainingSteps: nothing was trained yet. {_ADVICE}>" if self._warning.alive else "<TrainingSteps>"


def _warn_that_nothing_was_trained() -> None:
    warnings.warn(_ADVICE, UserWarning, stacklevel=3)  # the line where the steps were dropped


def _as_training_steps(function: Callable[P, Iterator[Step]]) -> Callable[P, TrainingSteps]:
    """``function`` with its documentation, for steps that warn if nobody asks for them."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> TrainingSteps:
        return TrainingSteps(function(*args, **kwargs))

    return wrapper


fit = _as_training_steps(_fit)
