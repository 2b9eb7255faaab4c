from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tokay.errors import DataError
from tokay.tasks import embedding_cache as module
from tokay.tasks.embedding_cache import embed_once


class Encoder:
    """A text becomes its length and its first letter. Batches of two, the last text first."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        order = list(range(len(texts)))[::-1]
        for rows in (order[start : start + 2] for start in range(0, len(order), 2)):
            self.texts += [texts[row] for row in rows]
            yield rows, torch.tensor([[float(len(texts[row])), float(ord(texts[row][0]))] for row in rows])


def embed(file: Path, texts: Sequence[str], key: str = "key") -> list[str]:
    """The texts that were encoded. The vectors are right in any case."""
    encoder = Encoder()
    vectors = embed_once(file, key, texts, encoder, where="here")
    assert vectors.tolist() == [[float(len(text)), float(ord(text[0]))] for text in texts]
    return sorted(encoder.texts)


def test_each_text_is_encoded_once(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "x.safetensors"
    assert embed(file, ["a", "bb", "a", "ccc"]) == ["a", "bb", "ccc"]
    assert embed(file, ["ccc", "a", "bb"]) == []
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_changed_costs_only_its_new_texts(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    embed(file, ["a", "bb", "ccc"])
    assert embed(file, ["bb", "dddd", "ccc"]) == ["dddd"]
    assert embed(file, ["a"]) == ["a"]  # texts that are gone do not fill the disk


def test_other_weights_are_said_and_encoded_anew(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    embed(file, ["a", "bb"], "old")
    with pytest.warns(UserWarning, match="here: .*x.safetensors holds embeddings of other weights, so all texts are"):
        assert embed(file, ["a", "bb"], "new") == ["a", "bb"]
    assert embed(file, ["a", "bb"], "new") == []


def test_any_damage_is_noticed_and_mended(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    embed(file, ["a", "bb"])
    good = file.read_bytes()
    damaged = [good[:n] for n in (0, 5, 60, len(good) - 1)] + [b"not a cache at all"]
    damaged += [good[:n] + bytes([good[n] ^ 1]) + good[n + 1 :] for n in range(0, len(good), 7)]
    for content in damaged:
        file.write_bytes(content)
        with pytest.warns(UserWarning, match="so all texts are encoded anew"):
            assert embed(file, ["a", "bb"]) == ["a", "bb"]
    assert embed(file, ["a", "bb"]) == []


def test_an_interrupt_loses_a_minute_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        batches = Encoder()(texts)
        yield next(batches)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_SAVE_EVERY", -1.0)
    with pytest.raises(KeyboardInterrupt):
        embed_once(tmp_path / "x.safetensors", "key", ["a", "bb", "ccc"], interrupt, where="here")
    assert embed(tmp_path / "x.safetensors", ["a", "bb", "ccc"]) == ["a"]


def test_errors_of_the_encoder_leave_nothing(tmp_path: Path) -> None:
    def fail(texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        raise DataError("weights are damaged")
        yield

    with pytest.raises(DataError, match="weights are damaged"):
        embed_once(tmp_path / "x.safetensors", "key", ["a"], fail, where="here")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="here: cannot store embeddings in .*Set TOKAY_CACHE to a writable folder"):
        embed(tmp_path / "file" / "x.safetensors", ["a"])
