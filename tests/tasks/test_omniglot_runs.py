"""The official runs as tasks, and the background alphabets as episodes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tokay.core.seeding import generator
from tokay.core.task import Sizes, check_task
from tokay.errors import ConfigError, TaskError
from tokay.tasks import (
    ClassPool,
    Episodes,
    FixedTasks,
    Omniglot,
    OmniglotRuns,
    list_sources,
    omniglot,
    omniglot_runs as module,
)
from tokay.tasks.data_folders import data_dir
from tokay.tasks.omniglot_runs import run_drawings, runs_of

from .test_omniglot_archive_runs import entries, write
from .test_omniglot_splits import NAMES

RUN = Sizes(ways=20, shots=1, queries=1)
ONE_EACH = Sizes(ways=5, shots=1, queries=1)

needs_runs = pytest.mark.skipif(
    not (data_dir() / "omniglot" / "all_runs.zip").exists(),
    reason="TOKAY_DATA names no folder with omniglot/all_runs.zip",
)
needs_drawings = pytest.mark.skipif(
    not (data_dir() / "omniglot" / "images_evaluation.zip").exists(),
    reason="TOKAY_DATA names no folder with omniglot/images_evaluation.zip",
)


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """All 1,623 characters with 20 blank drawings of 2 x 2 pixels."""
    images = torch.zeros(1623 * 20, 1, 2, 2, dtype=torch.uint8)
    pool = ClassPool(images, torch.full((1623,), 20), NAMES)
    monkeypatch.setattr(module, "characters", lambda size: pool)
    monkeypatch.setattr(omniglot, "characters", lambda size: pool)


def alphabets(source: Episodes) -> set[str]:
    return {name.split("/")[1] for name in source.pool.names}


def test_is_registered() -> None:
    assert list_sources()["omniglot-runs"] is OmniglotRuns
    assert OmniglotRuns.test_sizes == RUN


def test_queries_come_in_the_order_of_items_and_classes_in_that_of_the_run() -> None:
    """Two runs of three ways. The value of a picture is its number."""
    names = ("run01/class01/item02", "run01/class02/item03", "run01/class03/item01",
             "run02/class01/item03", "run02/class02/item01", "run02/class03/item02")  # fmt: skip
    pool = ClassPool(torch.arange(12, dtype=torch.uint8).reshape(12, 1, 1, 1) * 5, torch.full((6,), 2), names)
    support, query = runs_of(pool)
    assert (support.x.flatten(1) * 51).round().tolist() == [[0, 2, 4], [6, 8, 10]]
    assert support.y.int().tolist() == [torch.eye(3).int().tolist()] * 2
    assert (query.x.flatten(1) * 51).round().tolist() == [[5, 1, 3], [9, 11, 7]]
    assert query.y.int().argmax(-1).tolist() == [[2, 0, 1], [1, 2, 0]]
    assert query.x.shape == (2, 3, 1, 1, 1)
    assert query.x.dtype == torch.float32


@pytest.mark.parametrize(
    "sizes", [Sizes(), Sizes(ways=5, shots=1, queries=1), Sizes(ways=20), Sizes(ways=20, shots=5, queries=1)]
)
def test_a_run_has_the_sizes_it_has(sizes: Sizes) -> None:
    with pytest.raises(TaskError) as caught:
        OmniglotRuns().tasks("test", sizes)
    assert str(caught.value) == (
        f"omniglot-runs (test): the runs have 20 ways, 1 shot and 1 query per class, got {sizes.ways} ways, "
        f"{sizes.shots} shots and {sizes.queries} queries. Give no sizes, or use omniglot --split lake."
    )


def test_training_is_on_background_alphabets_within_one(synthetic: None) -> None:
    train, validation = (OmniglotRuns().tasks(split, ONE_EACH) for split in ("train", "validation"))
    assert isinstance(train, Episodes)
    assert isinstance(validation, Episodes)
    assert (len(alphabets(train)), len(alphabets(validation))) == (25, 5)
    assert not alphabets(train) & alphabets(validation)
    assert all(name.startswith("background/") for name in train.pool.names + validation.pool.names)
    assert alphabets(train) == alphabets(Omniglot(split="lake").tasks("train", ONE_EACH))
    assert len(train.groups.unique()) == 100  # 25 alphabets in four rotations
    assert len(validation.groups.unique()) == 5  # upright, like the runs


def test_settings_of_training(synthetic: None) -> None:
    plain = OmniglotRuns(rotations="none", within_alphabet=False).tasks("train", ONE_EACH)
    assert isinstance(plain, Episodes)
    assert not any("@" in name for name in plain.pool.names)
    assert len(plain.groups.unique()) == 1
    seeds = [OmniglotRuns(split_seed=seed).tasks("train", ONE_EACH) for seed in (1, 2)]
    assert alphabets(seeds[0]) != alphabets(seeds[1])  # type: ignore[arg-type]
    assert OmniglotRuns().joint("train", ONE_EACH).spec.y_dim == 4 * len(plain.pool.names)


def test_ways_of_training_that_half_of_the_alphabets_have(synthetic: None) -> None:
    """Each of the 30 synthetic alphabets has about 33 of the 964 characters."""
    assert OmniglotRuns().most_ways("train") in (32, 33)
    assert OmniglotRuns(within_alphabet=False, rotations="none").most_ways("train") > 800


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"rotations": "all"}, "omniglot-runs: rotations must be train or none, got 'all'."),
        ({"size": 0}, "omniglot-runs: size must be at least 1 pixel, got 0."),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OmniglotRuns(**settings)
    assert str(caught.value) == message


def test_an_unknown_split() -> None:
    with pytest.raises(ConfigError, match="omniglot-runs: the split must be"):
        OmniglotRuns().tasks("all", RUN)  # type: ignore[arg-type]


def test_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "omniglot").mkdir(parents=True)
    write(tmp_path / "data" / "omniglot" / "all_runs.zip", entries())
    monkeypatch.setenv("TOKAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TOKAY_CACHE", str(tmp_path / "cache"))
    reads: list[int] = []
    read = module.read_runs

    def counting(path: Path, *, size: int) -> ClassPool:
        reads.append(size)
        return read(path, size=size, runs=2, ways=3)

    monkeypatch.setattr(module, "read_runs", counting)
    module._load.cache_clear()
    pool = run_drawings(8)
    assert run_drawings(8) is pool
    module._load.cache_clear()  # as in a new process
    assert torch.equal(run_drawings(8).images, pool.images)
    assert run_drawings(4).images.shape == (12, 1, 4, 4)
    assert reads == [8, 4]
    module._load.cache_clear()


def test_where_the_runs_are_downloaded_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Stop(Exception):
        pass

    def fetch(folder: Path, files: Any, *, where: str) -> None:
        calls.append((folder, files, where))
        raise Stop

    monkeypatch.setenv("TOKAY_DATA", str(tmp_path))
    monkeypatch.setattr(module, "fetch_missing", fetch)
    with pytest.raises(Stop):
        OmniglotRuns().tasks("test", RUN)
    url = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/one-shot-classification/all_runs.zip"
    files = {"all_runs.zip": (url, "e8996daecdf12afeeb4a53a179f06b19")}
    assert calls == [(tmp_path / "omniglot", files, "omniglot-runs")]


@pytest.mark.data
@needs_runs
def test_the_official_runs() -> None:
    source = OmniglotRuns(size=105).tasks("test", RUN)
    assert isinstance(source, FixedTasks)
    assert len(source) == 20
    check_task(source.tasks, source.spec, where="test")
    assert source.tasks.support.x.shape == source.tasks.query.x.shape == (20, 20, 1, 105, 105)
    assert source.tasks.support.x.unique().tolist() == [0, 1]  # the original drawings
    assert (source.tasks.query.y.sum(1) == 1).all()
    # From class_labels.txt: the first item of run 1 has class 8 (index 7).
    assert source.tasks.query.y.int().argmax(-1)[0, :5].tolist() == [7, 8, 1, 18, 9]


@pytest.mark.data
@needs_runs
@needs_drawings
def test_the_runs_are_drawings_of_the_evaluation_set() -> None:
    """The two drawings of a pair show the same character, and all characters of a run have the same alphabet."""
    pool = omniglot.characters(28)
    places: dict[bytes, set[str]] = {}
    for row in range(964 * 20, len(pool.images)):
        places.setdefault(pool.images[row].numpy().tobytes(), set()).add(pool.names[row // 20])
    runs = runs_of(run_drawings(28))
    for support, query, y in zip(runs.support.x, runs.query.x, runs.query.y.int().argmax(-1), strict=True):
        classes, items = (
            [places[(255 * x).round().to(torch.uint8).numpy().tobytes()] for x in part] for part in (support, query)
        )
        assert all(item & classes[int(label)] for item, label in zip(items, y, strict=True))
        assert len(set.intersection(*({name.split("/")[1] for name in names} for names in classes))) == 1


@pytest.mark.data
@needs_runs
def test_samples(tmp_path: Path) -> None:
    source = OmniglotRuns().tasks("test", RUN)
    a, b = (source.sample(20, generator(seed, "test")) for seed in (0, 1))
    assert not torch.equal(a.support.x, b.support.x)
    assert torch.equal(a.support.x.sum((1, 2, 3, 4)).sort().values, b.support.x.sum((1, 2, 3, 4)).sort().values)
