"""New texts are encoded as in training."""

import json
from pathlib import Path

import pytest
import torch

from tokay import ConfigError, DataError
from tokay.learner.reader import decode_reader
from tokay.learner.text_reader import TextReader
from tokay.tasks import Text
from tokay.tasks.sentence_encoder import fingerprint

from ..tasks.sentence_models import write_encoder, write_lines

READER = TextReader(text="words", label="topic", encoder="hashed", ngrams=(2, 3), length=16)


def test_hashes_are_those_of_the_source(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    file = write_lines(tmp_path / "s.csv", ["topic,words", "a,pay my bill", "b,007"])
    rows = READER.read_support(file)
    source = Text(file=str(file), text="words", label="topic", ngrams=(2, 3), length=16)
    assert torch.equal(rows.inputs, source.encode(["pay my bill", "007"]))
    assert rows.targets.tolist() == ["a", "b"]
    assert torch.equal(READER.read_queries([file]).inputs, rows.inputs)


def test_vectors_need_the_encoder_of_training(tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "model")
    settings = {"encoder": "sentence", "model": str(model)}
    reader = TextReader(**{**vars(READER), **settings, "model_hash": fingerprint(model)})
    file = write_lines(tmp_path / "s.csv", ["topic,words", "a,pay my bill", "b,rain"])
    expected = Text(file=str(file), text="words", label="topic", encoder="sentence", model=str(model))
    torch.testing.assert_close(reader.read_queries([file]).inputs, expected.encode(["pay my bill", "rain"]))
    other = TextReader(**{**vars(reader), "model_hash": "0"})
    with pytest.raises(DataError, match="must be the one that was trained with"):
        other.read_queries([file])


def test_rows_without_words(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    file = write_lines(tmp_path / "s.csv", ["topic,words", "a,pay", ",rain"])
    with pytest.raises(DataError, match=r"row 2 of .* has no value in the column topic"):
        READER.read_support(file)
    assert len(READER.read_queries([file]).places) == 2
    with pytest.raises(ConfigError, match="has no column words"):
        READER.read_queries([write_lines(tmp_path / "q.csv", ["word", "pay"])])


def test_there_and_back() -> None:
    assert decode_reader(json.loads(json.dumps(READER.as_json())), "file") == READER
