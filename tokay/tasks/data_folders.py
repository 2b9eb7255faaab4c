"""The folders of raw data and of decoded copies."""

import os
from pathlib import Path

_HOME = "~/.cache/tokay"


def data_dir() -> Path:
    """The folder of raw data: ``TOKAY_DATA``. Default: ``~/.cache/tokay``. It may be read-only."""
    return Path(os.environ.get("TOKAY_DATA") or _HOME).expanduser()


def cache_dir() -> Path:
    """The folder of decoded copies: ``TOKAY_CACHE``. Default: ``~/.cache/tokay/decoded``. It must be writable."""
    return Path(os.environ.get("TOKAY_CACHE") or f"{_HOME}/decoded").expanduser()
