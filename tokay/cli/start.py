"""The first moments of the program: a signal ends it in one line while it is being imported.

Imports almost nothing itself, so a signal is caught from nearly the first moment on.
"""

import os
import signal
import sys

SIGNALS: list[int] = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
INTERRUPTED = "Interrupted."


def guard_start() -> None:
    """End in one line if a signal comes while the program is being imported. Other programs are left alone."""
    if not is_program():
        return
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, lambda number, frame: end_now(128 + number))


def is_program() -> bool:
    """Whether this process is ``tokay`` or ``python -m tokay``, and no other program that imports it."""
    *_, folder, name = ["", "", *(sys.argv[0] if sys.argv else "").replace("\\", "/").split("/")]
    return name in ("tokay", "tokay.exe") or (folder, name) == ("tokay", "__main__.py")


def end_now(code: int) -> None:
    """End the process with one line, whatever it is doing."""
    write_line(INTERRUPTED)
    os._exit(code)


def write_line(line: str) -> None:
    """Write straight to the file of stderr: a handler may run while a stream is in use."""
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.write(2, f"{line}\n".encode())
    except OSError:
        pass
