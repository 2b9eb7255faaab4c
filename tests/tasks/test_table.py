"""The source: a table of the user."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tokay import ConfigError, DataError, Sizes, TaskError
from tokay.core.source_abilities import FixedList, Movable, NamedTasks, ScaledTargets, UnequalList
from tokay.tasks import Episodes, Table, list_sources
from tokay.tasks.table_rows import TaskDraws, TaskList

from .tables import patients, species, write_table

pandas = pytest.importorskip("pandas")

ONE = Sizes(ways=1, shots=1, queries=1)
SIZES = Sizes(ways=1, shots=4, queries=3)


def table(folder: Path, frame: pandas.DataFrame | None = None, **settings: Any) -> Table:
    frame = patients() if frame is None else frame
    settings = {"task": "patient", "target": "score", **settings}
    return Table(file=write_table(folder, frame), **settings)


def test_it_is_registered() -> None:
    assert list_sources()["table"] is Table


def test_patients(tmp_path: Path) -> None:
    source = table(tmp_path)
    training, tests = source.tasks("train", SIZES), source.tasks("test", SIZES)
    assert isinstance(training, TaskDraws)
    assert isinstance(tests, TaskList)
    for tasks in (training, tests):
        assert isinstance(tasks, Movable)
        assert isinstance(tasks, NamedTasks)
        assert isinstance(tasks, ScaledTargets)
    assert isinstance(tests, UnequalList)
    assert not isinstance(training, FixedList)
    assert (len(tests), tests.lengths()) == (2, [(4, 8), (4, 8)])
    assert training.spec.kind == "regression"
    assert training.spec.x_shape == (6,)
    assert training.y_unit == "score"
    names = [source.tasks(split, SIZES).hash_tasks() for split in ("train", "validation", "test")]  # type: ignore[attr-defined]
    assert sorted(name for group in names for name in group) == [f"p{i}" for i in range(10)]


def test_the_division_depends_on_seed_and_names_not_on_rows(tmp_path: Path) -> None:
    def test_names(**settings: Any) -> list[str]:
        return list(table(tmp_path, **settings).tasks("test", SIZES).hash_tasks())  # type: ignore[attr-defined]

    names = test_names()
    assert test_names(frame=patients(seed=3).sample(frac=1, random_state=0)) == names
    assert test_names(split_seed=1) != names
    assert len(test_names(test=0.5)) == 5


def test_classes(tmp_path: Path) -> None:
    source = Table(file=write_table(tmp_path, species(), sep=";", decimal=",", encoding="utf-8-sig"), target="species")
    episodes = source.tasks("train", Sizes(ways=3, shots=2, queries=2))
    assert isinstance(episodes, Episodes)
    assert episodes.spec.x_shape == (4,)
    pools = [source.tasks(split, ONE).pool for split in ("train", "validation", "test")]  # type: ignore[attr-defined]
    assert [len(pool.names) for pool in pools] == [6, 2, 2]
    assert source.resolve().kind == "classification"
    assert source.noun == "class"
    assert source.joint("train", ONE).spec.y_dim == 6


def test_classes_of_a_task(tmp_path: Path) -> None:
    frame = patients(rows=30)
    frame = frame.assign(score=(frame["score"] > 50).map({True: "high", False: "low"}))
    source = table(tmp_path, frame).resolve()
    assert (source.kind, source.test_sizes.ways, source.noun) == ("classification", 2, "task")
    task = source.tasks("train", Sizes(ways=2, shots=2, queries=3)).sample(5, torch.Generator())
    assert task.query.y.shape == (5, 6, 2)
    assert source.most_ways("train") == 2


def test_resolve_writes_the_kind_into_the_settings(tmp_path: Path) -> None:
    source = table(tmp_path)
    assert (source.kind, source.resolve().kind) == ("auto", "regression")
    assert source.resolve().resolve() == source.resolve()


def test_a_run_keeps_its_division(tmp_path: Path) -> None:
    division: Any = {"train": ["p0", "p1"], "validation": [], "test": ["p2"]}
    source = table(tmp_path).keep_classes(division)
    assert not source.has_split("validation")
    assert len(source.tasks("test", SIZES)) == 1  # type: ignore[arg-type]
    assert len(source.resolve().tasks("test", SIZES)) == 1  # type: ignore[arg-type]
    newer = source.keep_classes(division, add_new=True)
    assert len(newer.tasks("test", SIZES)) == 8  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="there are no validation tasks, because the run keeps none"):
        source.tasks("validation", SIZES)
    gone_tasks = table(tmp_path).keep_classes({"train": ["p0"], "validation": ["x"], "test": []})
    with pytest.raises(ConfigError, match=r"has none of those that the run has\. Put the rows back"):
        gone_tasks.tasks("validation", SIZES)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    source = table(tmp_path)
    assert len(source.contents().division["train"]) == 6
    write_table(tmp_path, patients(20))
    assert len(source.contents().division["train"]) == 13


def test_a_column_of_splits(tmp_path: Path) -> None:
    frame = patients(4)
    part = frame["patient"].map({"p0": "train", "p1": "train", "p2": "dev", "p3": "test"})
    source = table(tmp_path, frame.assign(part=part), split="part")
    assert source.contents().division == {"train": ["p0", "p1"], "validation": ["p2"], "test": ["p3"]}
    assert "part = train" not in source.contents().encoding.inputs
    with pytest.raises(DataError, match=r"must say train, validation or test in every row, got 'tran' \(row 1\)"):
        table(tmp_path, frame.assign(part="tran"), split="part").has_split("test")
    with pytest.raises(DataError, match="p0 must be in one split, column part has it in"):
        table(tmp_path, frame.assign(part=["train", "test"] * 24), split="part").has_split("test")
    with pytest.raises(ConfigError, match=r"--split part divides the tasks already\. Leave out --test, --split-seed"):
        table(tmp_path, split="part", test=0.1, split_seed=1)
    none = table(tmp_path, frame.assign(part="train"), split="part")
    with pytest.raises(ConfigError, match="there are no test tasks, because column part says so of no row"):
        none.tasks("test", SIZES)


def test_a_class_in_two_splits_is_refused(tmp_path: Path) -> None:
    frame = species(4).assign(part=["train", "test"] * 16)
    source = Table(file=write_table(tmp_path, frame), target="species", split="part")
    with pytest.raises(DataError, match=r"s0 must be in one split, .* needs classes that were not trained on"):
        source.tasks("test", Sizes(ways=2))


def test_a_folder_of_tables(tmp_path: Path) -> None:
    for name, frame in patients().drop(columns="clinic").groupby("patient"):
        write_table(tmp_path, frame.drop(columns="patient"), f"{name}.csv")
    source = Table(file=str(tmp_path), target="score").resolve()
    assert (source.kind, source.noun) == ("regression", "task")
    assert len(source.tasks("test", SIZES)) == 2  # type: ignore[arg-type]


def test_order(tmp_path: Path) -> None:
    source = table(tmp_path, patients().sample(frac=1, random_state=1), order_by="day", test_rows="drawn")
    task = source.tasks("test", SIZES).part(0, 1)  # type: ignore[attr-defined]
    day = source.contents().encoding.inputs.index("day")
    days = torch.cat([task.support.x, task.query.x], 1)[0, :, day]
    assert len(days) == 7
    assert bool((days[1:] > days[:-1]).all())
    with pytest.raises(ConfigError, match="--order-by sorts the rows of a task, so it needs --task"):
        Table(file=source.file, target="clinic", order_by="day").has_split("test")


def test_small_tasks_are_left_out(tmp_path: Path) -> None:
    frame = patients()
    frame = frame[(frame["patient"] != "p3") | (frame["day"] < 2)]
    source = table(tmp_path, frame, skip_small=3)
    assert source.contents().small == {"p3": 2}
    assert "1 tasks with few rows left out (p3 2)" in source.describe_classes()
    with pytest.raises(DataError, match=r"--skip-small 99 leaves out all 10 tasks, the largest has 12 rows\. Lower it"):
        table(tmp_path, frame, skip_small=99).has_split("test")
    with pytest.raises(
        TaskError, match=r"^table \(test\): 9 shots \+ 9 queries need 18 rows in a task, the largest of"
    ):
        table(tmp_path, frame).tasks("test", Sizes(shots=9, queries=9))
    assert table(tmp_path, frame).describe_omissions("train", SIZES) == (
        "table: left out 1 of 6 training tasks, with fewer than 7 rows (p3 2)"
    )


def test_missing_values_and_targets(tmp_path: Path) -> None:
    frame = patients()
    frame.loc[::5, "a"] = None
    frame.loc[::7, "score"] = None
    source = table(tmp_path, frame.assign(empty=None, same=2))
    assert "18 rows without score left out" in source.describe_classes()
    assert "left out: empty, same" in source.describe_classes()
    task = source.tasks("train", SIZES).sample(20, torch.Generator())
    assert bool(torch.isfinite(task.support.x).all())
    assert bool(torch.isfinite(task.support.y).all())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "scor"}, r"has no column scor\. Did you mean score\?"),
        ({"task": "Patients"}, r"has no column Patients\. Did you mean patient\?"),
        ({"columns": ("a", "c")}, "has no column c"),
        ({"without": ("clinics",)}, r"Did you mean clinic\?"),
        ({"order_by": "days"}, r"Did you mean day\?"),
        ({"target": "patient"}, "--target and --task must be two columns"),
        ({"task": None}, "score holds numbers, so it must have --task"),
    ],
)
def test_columns_that_cannot_be(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^table: .*{message}"):
        table(tmp_path, **settings).resolve()


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="skip_small must not be negative"):
        Table(file="t.csv", target="y", skip_small=-1)
    with pytest.raises(ConfigError, match="must be fractions"):
        Table(file="t.csv", target="y", test=1.0)
    with pytest.raises(DataError, match=r"gone\.csv cannot be read"):
        Table(file=str(tmp_path / "gone.csv"), target="y").resolve()
    with pytest.raises(DataError, match=r"must have more than 1 validation \+ 1 test tasks, got 2"):
        table(tmp_path, patients(2)).has_split("test")
    (tmp_path / "t.csv").write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match=r"two columns of .* have the name a"):
        Table(file=str(tmp_path / "t.csv"), target="a").resolve()
    with pytest.raises(ConfigError, match=r"there are no test tasks, because test is 0\. Raise it"):
        table(tmp_path, test=0.0).tasks("test", SIZES)


def test_a_relative_path_is_the_same_file_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path, patients())
    assert Table(file="t.csv", target="score").file == str(tmp_path / "t.csv")
