"""Progress bars on stderr. Results go to stdout."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn, track

T = TypeVar("T")


def show_progress(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yields ``items`` and shows a progress bar, which disappears at the end. Shows nothing if stderr is not a terminal."""
    console = Console(stderr=True)
    return iter(
        track(items, description, total=total, console=console, transient=True, disable=not console.is_terminal)
    )


def download_bar() -> Progress:
    """A progress bar in bytes, with the speed: a ``rich.progress.Progress``. Shows nothing if stderr is not a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
