"""Pictures become inputs as in the training of a run."""

from pathlib import Path

import pytest
import torch

from tokay import ConfigError, DataError
from tokay.learner.picture_reader import PictureReader
from tokay.learner.reader import decode_reader
from tokay.tasks.image_pools import read_images

from ..cli.helpers import write_letters

READER = PictureReader(size=12, channels="grey", inverts_paper=True)


def test_pictures_on_paper_are_inverted(tmp_path: Path) -> None:
    paper = write_letters(tmp_path / "paper", classes=2, files=2)
    black = write_letters(tmp_path / "black", classes=2, files=2, paper=False)
    rows = READER.read_support(paper)
    assert (rows.inverted, rows.targets.tolist()) == (4, ["c0", "c0", "c1", "c1"])
    torch.testing.assert_close(rows.inputs, READER.read_support(black).inputs)
    assert READER.read_support(black).inverted == 0
    queries = READER.read_queries([paper / "c0", black / "c0" / "0.png"])
    assert (queries.inverted, len(queries.places), queries.failures) == (2, 3, ())
    assert torch.equal(queries.inputs[0], queries.inputs[2])


def test_without_inverting(tmp_path: Path) -> None:
    paper = write_letters(tmp_path / "paper", classes=2, files=1)
    reader = PictureReader(size=12, channels="rgb")
    file = paper / "c0" / "0.png"
    assert torch.equal(reader.read_queries([file]).inputs, read_images([file], 12, "rgb"))


def test_failures(tmp_path: Path) -> None:
    letters = write_letters(tmp_path / "letters", classes=1, files=1)
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    queries = READER.read_queries([bad, tmp_path / "gone", letters / "c0"])
    assert [str(bad) in queries.failures[0], "gone" in queries.failures[1], len(queries.places)] == [True, True, 1]
    with pytest.raises(DataError, match=r"bad\.png is not an image"):
        READER.read_queries([bad])
    with pytest.raises(ConfigError, match="two or more class folders, got 1"):
        READER.read_support(letters)


def test_there_and_back() -> None:
    assert decode_reader(READER.as_json(), "file") == READER
