"""Which columns are what, and which rows stay."""

from typing import Any

import pytest
import torch

from tokay.errors import ConfigError, DataError
from tokay.tasks.table_data import (
    ColumnRoles,
    decide_kind,
    fit_table,
    group_rows,
    make_table,
    near_copies,
    scale_of,
)

from .tables import patients

pandas = pytest.importorskip("pandas")

ROLES = ColumnRoles(target="y", task="t", order="when", split="part")
ROWS = pandas.DataFrame(
    {"t": ["b", "a", "b", "a"], "y": [1.0, 2.0, 3.0, 4.0], "when": [2, 9, 1, 3], "part": "train", "x": [5, 6, 7, 8]}
)


def kind_of(values: Any, kind: Any = "auto", *, has_task: bool = True) -> str:
    return decide_kind(pandas.Series(values), kind, has_task=has_task, target="y", where="table")


def test_the_kind_of_a_target() -> None:
    assert kind_of([1.5, 2.5, 3.5]) == kind_of([1, 2, 3]) == "regression"
    for values in (["a", "b"], [True, False], [0, 1, 0], [0.0, 1.0, None], pandas.Categorical(["u", "v"])):
        assert kind_of(values) == "classification"
    assert kind_of([1, 2, 3], has_task=False) == kind_of([1.0, 2.0, None], has_task=False) == "classification"
    assert kind_of([1, 2, 3], "classification") == "classification"
    assert kind_of([0, 1, 0], "regression") == "regression"


def test_a_kind_that_cannot_be() -> None:
    with pytest.raises(
        ConfigError, match=r"^table: y holds numbers, so it must have --task, .* say --kind classification"
    ):
        kind_of([1.5, 2.5], has_task=False)
    with pytest.raises(ConfigError, match=r"--kind regression needs --task"):
        kind_of([1.5, 2.5], "regression", has_task=False)
    with pytest.raises(
        DataError, match=r"column y must hold numbers, 1 of 2 values are not, such as 'a' .* leave out --kind"
    ):
        kind_of(["a", "1"], "regression")
    with pytest.raises(DataError, match="the target y must be numbers or classes, it holds dates"):
        kind_of(["2024-01-31"])


def test_features_are_all_columns_without_another_role() -> None:
    assert ROLES.inputs(ROWS, "table") == ["when", "x"]
    dates = ROWS.assign(when="2024-01-31")
    assert ROLES.inputs(dates, "table") == ["x"]
    chosen_columns = ColumnRoles(target="y", features=("x", "t"), without=("t",))
    assert chosen_columns.inputs(ROWS, "table") == ["x"]
    with pytest.raises(ConfigError, match="at least one feature, --without leaves out all"):
        ColumnRoles(target="y", features=("x",), without=("x",)).inputs(ROWS, "table")


def test_roles_that_exclude_each_other() -> None:
    ROLES.check(ROWS, "t.csv", "table")
    with pytest.raises(ConfigError, match="--target and --task must be two columns, both are y"):
        ColumnRoles(target="y", task="y").check(ROWS, "t.csv", "table")
    with pytest.raises(ConfigError, match=r"a feature must be another column than --target, got y\."):
        ColumnRoles(target="y", features=("x", "y")).check(ROWS, "t.csv", "table")
    for roles in (
        ColumnRoles(target="yy"),
        ColumnRoles(target="y", without=("xx",)),
        ColumnRoles(target="y", order="wen"),
    ):
        with pytest.raises(ConfigError, match=r"^table: t.csv has no column .* Did you mean"):
            roles.check(ROWS, "t.csv", "table")


def test_rows_without_target_or_task_are_left_out_and_counted() -> None:
    rows = pandas.DataFrame({"t": ["a", None, "b", " "], "y": [1.0, 2.0, None, 3.0], "x": 1})
    table = make_table(rows, ColumnRoles(target="y", task="t"), "regression", "table")
    assert (table.names, table.losses, len(table.frame)) == (["a"], {"y": 1, "t": 2}, 1)
    with pytest.raises(DataError, match="no row has a value in y"):
        make_table(rows.assign(y=None), ColumnRoles(target="y", task="t"), "regression", "table")


def test_targets_that_are_of_no_use() -> None:
    with pytest.raises(DataError, match="the target t must have two classes or more, all rows say 'a'"):
        make_table(ROWS.assign(t="a"), ColumnRoles(target="t"), "classification", "table")
    with pytest.raises(
        DataError, match=r"the target y must have two classes or more, all rows say '3'\. Choose another"
    ):
        make_table(ROWS.assign(y=3.0), ROLES, "classification", "table")
    table = make_table(ROWS.assign(y=3.0), ROLES, "regression", "table")
    with pytest.raises(DataError, match=r"the target y must differ between training rows, all have 3\. Choose another"):
        scale_of(table, ROLES, {"a", "b"}, "table")
    small = make_table(ROWS.assign(y=ROWS["y"] * 1e-30), ROLES, "regression", "table")
    assert scale_of(small, ROLES, {"a"}, "table") == pytest.approx((3e-30, 1e-30))


def test_more_classes_than_a_task_has_rows() -> None:
    """No task has rows of each class: a column of numbers that was read as text, or that --kind makes classes."""
    for values in (["1,234.5", "1,235.5", "1,236.5", "1,237.5"], [1.5, 2.5, 3.5, 4.5]):
        roles = ColumnRoles(target="y", task="t")
        with pytest.raises(
            DataError, match=r"the target y has 4 classes, .* more than the 2 rows of the largest task\. Choose another"
        ):
            make_table(ROWS.assign(y=values), roles, "classification", "table")
    make_table(ROWS.assign(y=["a", "b", "c", "d"]), ColumnRoles(target="y"), "classification", "table")


def test_rows_are_grouped_by_task_and_sorted() -> None:
    table = make_table(ROWS, ROLES, "regression", "table")
    encoding = fit_table(table, ROLES, {"a"}, "table")
    scale = scale_of(table, ROLES, {"a"}, "table")
    assert scale == (3.0, 1.0)
    rows = group_rows(table, ROLES, encoding, ["b", "a"], "table", scale=scale)
    assert (rows.names, rows.counts.tolist(), rows.is_ordered) == (("b", "a"), [[2], [2]], True)
    assert (rows.y * rows.y_scale + 3.0).flatten().tolist() == [3.0, 1.0, 4.0, 2.0]
    assert torch.allclose(rows.x[:, 1], torch.tensor([0.0, -2, 1, -1]))
    assert rows.y_unit == "y"


def test_classes_of_a_task_stand_next_to_each_other() -> None:
    roles = ColumnRoles(target="c", task="t")
    frame = ROWS.assign(c=["v", "u", "u", "u"])
    table = make_table(frame, roles, "classification", "table")
    rows = group_rows(table, roles, fit_table(table, roles, {"a", "b"}, "table"), ["a", "b"], "table", scale=None)
    assert rows.counts.tolist() == [[2, 0], [1, 1]]
    assert rows.y.int().tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]


def test_the_hash_of_a_task_depends_on_its_rows_alone() -> None:
    def hashes(frame: pandas.DataFrame) -> dict[str, str]:
        roles = ColumnRoles(target="score", task="patient", without=("day",))
        table = make_table(frame, roles, "regression", "table")
        names = sorted(set(table.names))
        encoding = fit_table(table, roles, set(names), "table")
        return dict(group_rows(table, roles, encoding, names, "table", scale=(0.0, 1.0)).hash_tasks())

    frame = patients(3)
    first = hashes(frame)
    assert hashes(frame.assign(day=0)) == first  # a column that is not used
    other = hashes(frame.assign(a=frame["a"].where(frame["patient"] != "p1", 0.0)))
    assert [name for name in first if first[name] != other[name]] == ["p1"]


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([2, 9, 1, 3], [3, 1, 4, 2]),
        (["2024-01-02", "2024-03-01", "2024-01-01", "2024-02-01"], [3, 1, 4, 2]),
        (["2024-01-02", "2023-03-01 10:00", "2024-01-01", "2023-03-01 09:00"], [3, 1, 4, 2]),
        (pandas.to_datetime(["2024-01-02", "2024-03-01", "2024-01-01", "2024-02-01"]), [3, 1, 4, 2]),
    ],
)
def test_what_can_be_sorted(values: Any, order: list[float]) -> None:
    table = make_table(ROWS.assign(when=values), ROLES, "regression", "table")
    rows = group_rows(table, ROLES, fit_table(table, ROLES, {"a", "b"}, "table"), ["b", "a"], "table", scale=(0.0, 1.0))
    assert rows.y.flatten().tolist() == order


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, None, 3, 4], "the order column when must have a value in every row, row 2 has none"),
        (["1.2.2024"] * 4, r"dates in when must be written as 2024-01-31 to be sorted, got '1\.2\.2024'\. Rewrite"),
        (["first", "second", "x", "y"], "column when must hold numbers, 4 of 4 values are not"),
    ],
)
def test_what_cannot_be_sorted(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^table: {message}"):
        make_table(ROWS.assign(when=values), ROLES, "regression", "table")


def test_features_that_give_the_target_away() -> None:
    frame = patients(4)
    frame = frame.assign(total=2 * frame["score"] + frame["a"])
    roles = ColumnRoles(target="score", task="patient")
    table = make_table(frame, roles, "regression", "table")
    assert near_copies(table, roles, set(table.names), "table") == ["total (correlation 1.00)"]
