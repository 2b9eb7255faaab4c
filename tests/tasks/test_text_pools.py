from pathlib import Path

import pytest
import torch

from tokay.tasks import text_pools as module
from tokay.tasks.text_files import LabelledTexts
from tokay.tasks.text_ngrams import hash_ngrams
from tokay.tasks.text_pools import embedded_pool, hashed_pool

from .sentence_models import write_encoder


def content() -> LabelledTexts:
    return LabelledTexts({"a": ["sun", "the sun"], "b": ["my bill"]})


def test_hashes_of_each_label() -> None:
    texts = content()
    pool = hashed_pool(texts, (3, 4), 10)
    assert torch.equal(pool.images, hash_ngrams(["sun", "the sun", "my bill"], (3, 4), 10))
    assert (pool.counts.tolist(), pool.names, pool.x_type) == ([2, 1], ("a", "b"), "integer")
    assert pool.hashes == texts.hashes() == content().hashes()


def test_vectors_are_computed_once_for_a_file_and_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, cache = write_encoder(tmp_path / "model"), tmp_path / "cache"
    pool = embedded_pool(content(), tmp_path / "Löwen.csv", model, cache)
    assert (tuple(pool.images.shape), pool.x_type, pool.hashes) == ((3, 8), "float", content().hashes())
    assert [file.name.startswith("text-L_wen-") for file in cache.iterdir()] == [True]
    monkeypatch.setattr(module, "encode_batches", lambda model, texts: pytest.fail(f"encoded again: {texts}"))
    again = embedded_pool(content(), tmp_path / "Löwen.csv", model, cache)
    assert torch.equal(again.images, pool.images)
