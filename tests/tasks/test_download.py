"""Downloads without a network: the tests pass their own opener."""

import hashlib
import io
from email.message import Message
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tokay.errors import DataError
from tokay.tasks.download import Opener, download, fetch_missing

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()
URL = "https://example.org/images.zip"


class Response(io.BytesIO):
    def __init__(self, content: bytes, length: str | None = None, failure: Exception | None = None) -> None:
        super().__init__(content)
        self.headers = Message()
        self.failure = failure
        if length is not None:
            self.headers["Content-Length"] = length

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if not block and self.failure:
            raise self.failure
        return block


def serve(response: Response | Exception) -> Opener:
    def opener(url: str, timeout: float) -> Any:
        assert url == URL
        assert timeout > 0
        if isinstance(response, Exception):
            raise response
        return response

    return opener


def fetch(to: Path, response: Response | Exception) -> None:
    download(URL, to, md5=MD5, where="omniglot", remedy="Copy it there.", opener=serve(response))


@pytest.mark.parametrize("length", [str(len(CONTENT)), None, "unknown"])
def test_a_good_download(tmp_path: Path, length: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "deep" / "images.zip"
    fetch(to, Response(CONTENT, length))
    assert to.read_bytes() == CONTENT
    assert list(to.parent.iterdir()) == [to]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "response, reason",
    [
        (URLError(OSError(101, "Network is unreachable")), "(Network is unreachable)"),
        (URLError("unknown url type: foo"), "(unknown url type: foo)"),
        (HTTPError(URL, 404, "Not Found", Message(), None), "(Not Found)"),
        (TimeoutError("The read operation timed out"), "(The read operation timed out)"),
        (TimeoutError(), "(TimeoutError)"),
        (Response(CONTENT[:5000], failure=ConnectionResetError(104, "Connection reset by peer")), "(Connection reset"),
        (Response(CONTENT[:5000], failure=IncompleteRead(b"", 9)), "(IncompleteRead(0 bytes read, 9 more expected))"),
    ],
)
def test_a_network_that_fails(tmp_path: Path, response: Response | Exception, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "images.zip", response)
    message = str(caught.value)
    assert message.startswith(f"omniglot: cannot download {URL} to {tmp_path}/images.zip {reason}")
    assert message.endswith(". Copy it there.")
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [CONTENT[:-1], b"<html>captive portal</html>", b""])
def test_what_came_is_not_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images.zip").write_bytes(b"the old one")
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "images.zip", Response(content, str(len(CONTENT))))
    assert str(caught.value) == (
        f"omniglot: the content of {URL} is not the published file "
        f"(MD5 must be {MD5}, got {hashlib.md5(content).hexdigest()}). Copy it there."
    )
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("images.zip", b"the old one")]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"to .*/file/sub/images.zip \((Not a directory|File exists)\). Copy it there."):
        fetch(tmp_path / "file" / "sub" / "images.zip", Response(CONTENT))


def test_only_what_is_missing_is_fetched(tmp_path: Path) -> None:
    folder, calls = tmp_path / "omniglot", []
    folder.mkdir()
    (folder / "a.zip").write_text("a local copy, not the official bytes")

    def get(url: str, to: Path, *, md5: str, where: str, remedy: str) -> None:
        calls.append((url, to, md5, where, remedy))

    fetch_missing(folder, {"a.zip": ("https://a", "1"), "b.zip": ("https://b", "2")}, where="runs", get=get)
    remedy = (
        f"Put a.zip and b.zip into {folder} (the folder omniglot in TOKAY_DATA), "
        "or use the built-in source glyphs, which needs no download."
    )
    assert calls == [("https://b", folder / "b.zip", "2", "runs", remedy)]
