"""A table with its division."""

from dataclasses import replace

import pytest
import torch

from tokay import Sizes
from tokay.errors import DataError
from tokay.tasks.table_contents import TableContents, names_in_order
from tokay.tasks.table_data import ColumnRoles, make_table
from tokay.tasks.table_division import Division

from .tables import patients, species

pandas = pytest.importorskip("pandas")

DIVISION: Division = {"train": ["p0", "p1"], "validation": [], "test": ["p2"]}


def contents(frame: pandas.DataFrame, small: dict[str, int] | None = None) -> TableContents:
    roles = ColumnRoles(target="score", task="patient")
    table = make_table(frame, roles, "regression", "table")
    return TableContents(table, roles, "regression", DIVISION, small or {}, "t.csv", "table")


def test_all_figures_come_from_the_training_tasks() -> None:
    frame = patients(3)
    other = frame.assign(
        a=frame["a"].where(frame["patient"] != "p2", 1000.0),
        score=frame["score"].where(frame["patient"] != "p2", -5000.0),
        clinic=frame["clinic"].where(frame["patient"] != "p2", "east"),
    )
    first, second = contents(frame), contents(other)
    assert first.encoding == second.encoding
    assert first.scale == second.scale
    assert torch.equal(first.rows("train").x, second.rows("train").x)
    training = first.rows("train")
    assert torch.allclose(training.x[:, :3].mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(training.y.std(correction=0), torch.tensor(1.0))
    assert second.rows("test").x[:, -1].tolist() == [1.0] * 12  # a clinic that no training row has


def test_one_line_says_what_there_is() -> None:
    frame = patients(3)
    frame.loc[5, "score"] = None
    frame = frame.assign(same=1, copy=frame["score"] * 2)
    text = contents(frame, {"p9": 1, "p8": 2, "p7": 1, "p6": 1}).describe()
    assert text == (
        "table: 2 training, 0 validation and 1 test tasks (patient) in t.csv; target score (regression), 7 inputs; "
        "without validation tasks the last weights are kept, not the best; 1 row without score left out; "
        "4 tasks with few rows left out (p9 1, p8 2, p7 1, ...); constant or empty in training, so left out: same; "
        "copy (correlation 1.00) nearly gives the target away: --without, if you will not have it"
    )
    assert "(regression), 1 input;" in contents(frame[["patient", "score", "a"]]).describe()


def test_inputs_need_training_rows() -> None:
    """A run whose training tasks are gone from the table, or a split column without the word train."""
    table = contents(patients(3))
    empty = replace(table, division={**table.division, "train": []})
    with pytest.raises(
        DataError, match=r"^table: t\.csv must have training tasks, which scale the inputs, it has none of"
    ):
        empty.rows("test")


def test_tasks_that_are_too_small_for_the_sizes() -> None:
    frame = patients(3)
    frame = frame[(frame["patient"] != "p1") | (frame["day"] < 4)]
    sizes = Sizes(shots=3, queries=3)
    assert contents(frame).describe_omissions("train", sizes) == (
        "table: left out 1 of 2 training tasks, with fewer than 6 rows (p1 4)"
    )
    for split in ("validation", "test"):
        assert contents(frame).describe_omissions(split, sizes) == ""


def test_classes_without_a_task_column() -> None:
    roles = ColumnRoles(target="species")
    table = make_table(species(4), roles, "classification", "table")
    division: Division = {"train": ["s0", "s1"], "validation": ["s2"], "test": ["s3"]}
    contents_of_all = TableContents(table, roles, "classification", division, {}, "t.csv", "table")
    pool = contents_of_all.pool("train", Sizes(shots=1, queries=1))
    assert (pool.names, pool.counts.tolist(), pool.images.shape) == (("s0", "s1"), [8, 8], (16, 4))
    assert len(set(pool.hashes)) == 2
    small = TableContents(
        make_table(species(4).iloc[5:], roles, "classification", "table"),
        roles,
        "classification",
        division,
        {},
        "t",
        "table",
    )
    assert small.pool("train", Sizes(shots=2, queries=2)).names == ("s1",)
    assert small.pool("train", Sizes(shots=1, queries=2)).names == ("s0", "s1")
    assert small.pool("train", Sizes(shots=9, queries=2)).names == ("s0", "s1")
    assert small.describe_omissions("train", Sizes(shots=2, queries=2)) == (
        "table: left out 1 of 2 training classes, with fewer than 4 rows (s0 3)"
    )
    assert contents_of_all.describe().startswith(
        "table: 2 training, 1 validation and 1 test classes in t.csv; target species (cl"
    )


def test_names_in_order() -> None:
    assert names_in_order(["b", "10", "9", "b"]) == ["9", "10", "b"]
