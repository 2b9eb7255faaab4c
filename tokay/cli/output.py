"""The two screens: results go to stdout, everything else to stderr. This file needs no torch, so commands start at once."""

import sys

from rich.console import Console
from rich.table import Table


class _Console(Console):
    """A console that lets ``main`` decide what to do when the reader of its output has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


stderr = _Console(stderr=True, highlight=False, emoji=False, soft_wrap=True, width=None if sys.stderr.isatty() else 140)
stdout = _Console(highlight=False, emoji=False)


def table(title: str, *columns: str) -> Table:
    """An empty table. The first column is aligned left, the others, which hold numbers, right. Long cells are folded."""
    result = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        result.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return result
