"""The reader of a run follows from its source."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from tokay import ConfigError, DataError, FitConfig, ProtoNet, Sizes, TaskSpec
from tokay.learner.picture_reader import PictureReader
from tokay.learner.reader import decode_reader, reader_of
from tokay.learner.table_reader import TableReader
from tokay.learner.text_reader import TextReader
from tokay.networks import Conv4
from tokay.runs.run import Run
from tokay.tasks import Glyphs, Images, Sinusoid, Source, Table, Text

from ..tasks.tables import species, write_table

PICTURES = TaskSpec(x_shape=(1, 28, 28), y_dim=5)


def run_on(source: Source) -> Run:
    return Run(
        algorithm=ProtoNet(), source=source, network=Conv4(), test=Sizes(), train=Sizes(), fit=FitConfig(steps=1)
    )


@pytest.mark.parametrize(
    "source, invert, expected",
    [
        (Glyphs(), "auto", (False, True)),
        (Glyphs(), "yes", (True, False)),
        (Glyphs(), "no", (False, False)),
        (Images(root="x", invert=True), "auto", (True, False)),
        (Images(root="x", invert=True), "no", (False, False)),
        (Images(root="x"), "auto", (False, False)),
    ],
)
def test_pictures(source: Source, invert: Any, expected: tuple[bool, bool]) -> None:
    reader = reader_of(run_on(source), PICTURES, invert=invert, where="run")
    assert isinstance(reader, PictureReader)
    assert (reader.invert, reader.inverts_paper) == expected
    assert (reader.size, reader.channels) == (28, "grey")


def test_tables(tmp_path: Path) -> None:
    source = Table(file=write_table(tmp_path, species()), target="species").resolve()
    reader = reader_of(run_on(source), TaskSpec(x_shape=(4,), y_dim=5), where="run")
    assert isinstance(reader, TableReader)
    assert [column.name for column in reader.columns] == ["m0", "m1", "m2", "m3"]
    with pytest.raises(DataError, match=r"was trained on 5 inputs, the table .* now gives 4: it has changed"):
        reader_of(run_on(source), TaskSpec(x_shape=(5,), y_dim=5), where="run")
    with pytest.raises(ConfigError, match="invert is for pictures"):
        reader_of(run_on(source), TaskSpec(x_shape=(4,), y_dim=5), invert="no", where="run")


def test_texts() -> None:
    spec = TaskSpec(x_shape=(128,), y_dim=5, x_type="integer")
    reader = reader_of(run_on(Text(file="x.csv", label="topic")), spec, where="run")
    assert isinstance(reader, TextReader)
    assert (reader.label, reader.ngrams, reader.length, reader.model_hash) == ("topic", (3, 4), 128, None)


def test_other_runs() -> None:
    with pytest.raises(ConfigError, match=r"run must be a run on classes, sinusoid is regression\. Use tokay\.load"):
        reader_of(run_on(Sinusoid()), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"), where="run")
    with pytest.raises(ConfigError, match=r"square pictures, its inputs have shape \(7,\)"):
        reader_of(run_on(Glyphs()), TaskSpec(x_shape=(7,), y_dim=5), where="run")


def test_decoding() -> None:
    assert decode_reader(None, "file") is None
    with pytest.raises(DataError, match="reads files of the kind 'sounds', which is not known here"):
        decode_reader({"kind": "sounds"}, "file")


def tiny_backbone() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 32, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_pictures_as_vectors_of_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New pictures go through the same frozen network, or are refused if its weights are others."""
    Image.new("RGB", (30, 40), (200, 10, 10)).save(tmp_path / "a.png")
    source = Images(root=str(tmp_path), backbone=f"{__name__}:tiny_backbone")
    reader = reader_of(run_on(source), TaskSpec(x_shape=(4,), y_dim=2), where="run")
    again = decode_reader(reader.as_json(), "here")
    assert again == reader
    assert torch.equal(reader.read_queries([tmp_path / "a.png"]).inputs, source.read([tmp_path / "a.png"]))
    with pytest.raises(DataError, match="has other weights than in training"):
        replace(reader, key="other").read_support(write_two_classes(tmp_path))  # type: ignore[type-var]


def write_two_classes(folder: Path) -> Path:
    for name in "ab":
        (folder / "classes" / name).mkdir(parents=True)
        Image.new("RGB", (30, 40)).save(folder / "classes" / name / "0.png")
    return folder / "classes"
