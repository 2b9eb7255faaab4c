"""The two screens: results go to stdout, everything else to stderr. This file needs no torch, so commands start at once."""

import io
import os
import sys
import warnings
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table


class _Console(Console):
    """A console that lets ``main`` decide what to do when the reader of its output has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


_is_terminal = sys.stderr is not None and sys.stderr.isatty()
stderr = _Console(stderr=True, highlight=False, emoji=False, soft_wrap=True, width=None if _is_terminal else 140)
stdout = _Console(highlight=False, emoji=False)


def open_streams() -> None:
    """Make writing safe: a closed stream takes and drops all text, and a letter that a terminal lacks becomes a ``?``."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller (2>&-)
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open as long as the process
        elif isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as one line, without the line of code that it comes from."""
    stderr.print(" ".join(str(message).split()), markup=False)


def table(title: str, *columns: str) -> Table:
    """An empty table. The first column is aligned left, the others, which hold numbers, right. Long cells are folded."""
    result = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        result.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return result
