"""Ctrl-C in a training that Python code started: the running step ends first, so nothing is half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether Ctrl-C was pressed in a ``deferred_interrupts`` block."""

    def __init__(self) -> None:
        self.is_set = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The first Ctrl-C is noted; the second one raises ``KeyboardInterrupt`` at once."""
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Inside, Ctrl-C only sets ``is_set``.

    Outside the main thread, and where the program has a handler of its own for SIGINT, this does nothing.

    >>> with deferred_interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupts.is_set
    True
    """
    interrupts = Interrupts()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
