"""Signals that ask the program to end: Ctrl-C (SIGINT), SIGTERM, and SIGHUP of a terminal that closes.

The first signal raises ``Interrupt``, which ends a command as any exception does. A training defers it: the running step
ends and is saved first. This file needs no torch, so it works while torch is still being imported.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

from .start import INTERRUPTED, SIGNALS, end_now, is_program, write_line

_SECONDS_TO_END = 2.0
"""the time to end in order after an ``Interrupt``: signals in this time change nothing, later ones end the process"""
_STOPPING = "Stopping: the running step ends and is saved. Ctrl-C again ends at once."
_innermost: "SignalWatch | None" = None


class Interrupt(KeyboardInterrupt):
    """A signal ends the command. The message is the line to print."""


class SignalWatch:
    """Handles the signals in a ``with`` block, and restores the previous handlers at its end.

    A signal that the process ignores stays ignored (``nohup``, a job in the background). Outside the main thread this does
    nothing, because Python gives signals to the main thread alone.

    >>> with SignalWatch(deferred=True) as watch:
    ...     signal.raise_signal(signal.SIGTERM)
    >>> watch.code
    143
    """

    def __init__(self, *, deferred: bool = False) -> None:
        """The first signal raises ``Interrupt``. With ``deferred`` it only sets ``code``, and the second one raises."""
        self.code: int | None = None
        """the exit code for the first signal: 130, 143 or 129. None before it"""
        self._deferred, self._is_importing = deferred, False
        self._interrupt_time: float | None = None
        self._outer: SignalWatch | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        global _innermost
        self._outer, _innermost = _innermost, self
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        global _innermost
        if self._outer is not None and self.code is not None:  # the outer block is ending, too
            self._outer.code, self._outer._interrupt_time = self.code, time.monotonic()
        _innermost = self._outer
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def keep_handlers(self) -> None:
        """Leave the handlers as they are at the end of the block: the process ends."""
        self._previous = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_first = self.code is None
        if self.code is None:
            self.code = 128 + number
        if self._is_importing:
            end_now(self.code)
        if is_first and self._deferred:
            if number == signal.SIGINT and sys.stderr is not None and sys.stderr.isatty():
                write_line(_STOPPING)
        elif self._interrupt_time is None:
            self._interrupt_time = time.monotonic()
            raise Interrupt(INTERRUPTED)
        elif time.monotonic() - self._interrupt_time > _SECONDS_TO_END:
            end_now(self.code)


@contextlib.contextmanager
def guard_imports() -> Iterator[None]:
    """Let a signal end the program without an exception in this block, because an import may swallow one."""
    watch = _innermost
    if watch is not None:
        watch._is_importing = is_program()
    try:
        yield
    finally:
        if watch is not None:
            watch._is_importing = False


def guard_end(code: int, *, is_interrupt: bool) -> None:
    """Let a signal end the program with ``code``, which it is about to return. Call it last.

    After an interrupt the process ends here: more signals would meet an interpreter that is half gone.
    """
    if is_interrupt:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, lambda number, frame: os._exit(code))


def report(error: BaseException) -> None:
    """Print the line of an ``Interrupt``, or a general one for what an interrupt became on its way.

    If nobody can read it, the streams are silenced, so that Python does not complain about them at its end.
    """
    line = str(error) if isinstance(error, Interrupt) else INTERRUPTED
    try:
        print(line, file=sys.stderr, flush=True)
        sys.stdout.flush()
    except OSError:  # the terminal or the reader is gone
        for stream in (1, 2):
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
