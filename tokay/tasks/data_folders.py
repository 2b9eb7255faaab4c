"""Where raw data and decoded copies live, and how a file is written so that a kill never leaves half of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_HOME = "~/.cache/tokay"


def data_dir() -> Path:
    """The folder with raw data: ``TOKAY_DATA``, or ``~/.cache/tokay``. It may be read-only."""
    return Path(os.environ.get("TOKAY_DATA") or _HOME).expanduser()


def cache_dir() -> Path:
    """The folder for decoded copies: ``TOKAY_CACHE``, or ``~/.cache/tokay/decoded``. It must be writable."""
    return Path(os.environ.get("TOKAY_CACHE") or f"{_HOME}/decoded").expanduser()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``: it takes that name when the block ends well and vanishes when it does not.

    Creates the folder. Raises ``OSError`` where the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is unique, so two processes that write the same file cannot mix their bytes: the last one wins whole.
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
