"""Download files over HTTPS, with a checksum and a progress bar. A failed download leaves no file."""

import hashlib
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from ..errors import DataError
from ..files import replace_atomically
from .progress_bars import download_bar

Opener = Callable[..., Any]  # urllib's: (url, timeout=seconds) -> a response with .headers and .read(n)

_BLOCK = 1 << 16  # bytes
_TIMEOUT = 30.0  # seconds without any data


def download(url: str, to: Path, *, md5: str, where: str, remedy: str, opener: Opener = urlopen) -> None:
    """Downloads ``url`` to the file ``to`` and checks its MD5 against ``md5`` (lower-case hexadecimal digits).

    Creates the folder of ``to``. A failed download leaves ``to`` as it was. Shows progress on stderr.
    Raises ``DataError`` if the network or the disk fails, or if the checksum differs. The message starts with ``where``
    and ends with ``remedy`` (what the user can do).
    """
    digest = hashlib.md5(usedforsecurity=False)  # the only checksum that the publishers of the data give
    try:
        with (
            replace_atomically(to, make_folder=True) as temporary,
            opener(url, timeout=_TIMEOUT) as response,
            temporary.open("wb") as file,
            download_bar() as progress,
        ):
            length = response.headers.get("Content-Length")
            bar = progress.add_task(to.name, total=int(length) if length and length.isdigit() else None)
            while block := response.read(_BLOCK):
                file.write(block)
                digest.update(block)
                progress.advance(bar, len(block))
            if digest.hexdigest() != md5:
                raise DataError(
                    f"{where}: the content of {url} is not the published file "
                    f"(MD5 must be {md5}, got {digest.hexdigest()}). {remedy}"
                )
    except DataError:
        raise
    except (OSError, HTTPException) as error:  # URLError of urllib and time-outs are OSErrors too
        raise DataError(f"{where}: cannot download {url} to {to} ({_reason(error)}). {remedy}") from error


def fetch_missing(
    folder: Path, files: Mapping[str, tuple[str, str]], *, where: str, get: Callable[..., None] = download
) -> None:
    """Downloads the ``files`` (name: URL, MD5) that do not exist in ``folder``. Existing files are not checked.

    Raises ``DataError``, with ``where`` at its start, if a download fails.
    """
    remedy = (
        f"Put {' and '.join(files)} into {folder} (the folder {folder.name} in TOKAY_DATA), "
        "or use the built-in source glyphs, which needs no download."
    )
    for name, (url, md5) in files.items():
        if not (folder / name).exists():
            get(url, folder / name, md5=md5, where=where, remedy=remedy)


def _reason(error: Exception) -> str:
    """The innermost cause in one line: ``Network is unreachable``, not ``<urlopen error [Errno 101] ...>``."""
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())
