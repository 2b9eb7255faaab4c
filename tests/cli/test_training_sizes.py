"""Training episodes have the sizes of the papers, as far as the data has them."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from tokay.tasks import Images

from .helpers import Call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fifteen classes of four grey pictures each."""
    for number in range(15):
        place = tmp_path / "pictures" / str(number)
        place.mkdir(parents=True)
        for index in range(4):
            pixels = torch.full((16, 16), 15 * number + index, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(place / f"{index}.png")
    return tmp_path / "pictures"


def train(call: Call, folder: Path, method: str, *flags: str) -> dict[str, dict[str, object]]:
    """The settings of a run of one step."""
    out = folder.parent / "run"
    sizes = ("--ways", "2", "--queries", "2", "--size", "16", "--filters", "3")
    words = ("images", "--root", str(folder), *sizes, *flags, "--steps", "1", "--out", str(out))
    result = call("train", method, *words)
    assert result.code == 0, result.err
    settings: dict[str, dict[str, object]] = json.loads((out / "run.json").read_text())
    return settings


def test_queries_are_capped_at_the_smallest_class(folder: Path, call: Call) -> None:
    """MAML takes 15 queries for photographs; the classes have four pictures, one of them for the support."""
    settings = train(call, folder, "maml")
    assert settings["train"] == {"ways": 2, "shots": 1, "queries": 3}


def test_the_shots_of_the_user_count(folder: Path, call: Call) -> None:
    assert train(call, folder, "maml", "--train-shots", "2")["train"] == {"ways": 2, "shots": 2, "queries": 2}


def test_queries_of_the_user_stay(folder: Path, call: Call) -> None:
    assert train(call, folder, "maml", "--train-queries", "1")["train"] == {"ways": 2, "shots": 1, "queries": 1}


def test_ways_are_capped_at_the_classes(folder: Path, call: Call) -> None:
    """ProtoNet takes 60 ways; the training split has ten classes."""
    assert train(call, folder, "protonet")["train"] == {"ways": 10, "shots": 1, "queries": 3}


def test_settings_of_the_method_follow_the_task(folder: Path, call: Call) -> None:
    photographs = train(call, folder, "maml")["algorithm"]
    assert (photographs["inner_lr"], photographs["inner_steps"], photographs["test_steps"]) == (0.02, 5, 10)


def test_drawings_have_other_settings(folder: Path, call: Call) -> None:
    drawings = train(call, folder, "maml", "--channels", "grey", "--inner-steps", "2")
    assert drawings["algorithm"]["inner_lr"] == 2.0
    assert drawings["algorithm"]["inner_steps"] == 2
    assert drawings["train"] == {"ways": 2, "shots": 1, "queries": 1}


def test_fewer_ways_than_the_paper_are_explained(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Images, "pixels_per_step", 5 * 4 * 256)
    words = ("train", "protonet", "images", "--root", folder, "--ways", "2", "--queries", "2", "--size", "16")
    small = ("--filters", "3", "--steps", "1", "--validate-every", "0")
    expected = (
        "images: training episodes have 5 ways, not the 60 of the paper, which keeps a step short. --train-ways changes it, "
        "--size makes pictures smaller.\n"
    )
    assert expected in call(*words, *small, "--out", tmp_path / "a").err
    assert "not the 60" not in call(*words, *small, "--train-ways", "5", "--out", tmp_path / "b").err
    monkeypatch.setattr(Images, "pixels_per_step", 10**9)  # the training split has ten classes
    assert "not the 60" not in call(*words, *small, "--out", tmp_path / "c").err
