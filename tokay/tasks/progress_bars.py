"""Progress bars on stderr: stdout belongs to results."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn, track

T = TypeVar("T")


def watched(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """``items`` one by one, with a bar that vanishes at the end. Nothing is drawn where nobody watches."""
    console = Console(stderr=True)
    return iter(
        track(items, description, total=total, console=console, transient=True, disable=not console.is_terminal)
    )


def download_bar() -> Progress:
    """A bar in bytes with the speed; see ``rich.progress.Progress``. Nothing is drawn where nobody watches."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
