"""Fetching one file over HTTPS, with a checksum and a progress bar; all of it arrives or none."""

import hashlib
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from ..errors import DataError
from .data_folders import replacing
from .progress_bars import download_bar

Opener = Callable[..., Any]  # urllib's: (url, timeout=seconds) -> a response with .headers and .read(n)

_BLOCK = 1 << 16  # bytes
_TIMEOUT = 30.0  # seconds without a byte


def download(url: str, to: Path, *, md5: str, where: str, remedy: str, opener: Opener = urlopen) -> None:
    """Write what ``url`` serves to ``to``, if its MD5 is ``md5`` (lower-case hexadecimal digits).

    ``to`` exists afterwards with all of the content, or is untouched. Progress is drawn on stderr.
    Raises ``DataError``, beginning with ``where`` and ending with ``remedy`` (what to do instead), when the
    network, the disk or the checksum says no.
    """
    digest = hashlib.md5(usedforsecurity=False)  # the only checksum that the data's publishers give
    try:
        with (
            replacing(to) as temporary,
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
                    f"{where}: what {url} sent is not the published file "
                    f"(MD5 must be {md5}, got {digest.hexdigest()}). {remedy}"
                )
    except DataError:
        raise
    except (OSError, HTTPException) as error:  # urllib's URLError and time-outs are OSErrors
        raise DataError(f"{where}: cannot download {url} to {to} ({_reason(error)}). {remedy}") from error


def fetch_missing(
    folder: Path, files: Mapping[str, tuple[str, str]], *, where: str, get: Callable[..., None] = download
) -> None:
    """Download those of ``files`` (name: URL, MD5) that ``folder`` lacks; what is there is left alone, whatever it is.

    Raises ``DataError``, beginning with ``where``, when that does not work.
    """
    remedy = (
        f"Put {' and '.join(files)} into {folder} (the folder {folder.name} in TOKAY_DATA), "
        "or use the built-in source glyphs, which needs no download."
    )
    for name, (url, md5) in files.items():
        if not (folder / name).exists():
            get(url, folder / name, md5=md5, where=where, remedy=remedy)


def _reason(error: Exception) -> str:
    """The innermost cause in one line: ``Network is unreachable`` rather than ``<urlopen error [Errno 101] ...>``."""
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())
