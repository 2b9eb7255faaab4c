from dataclasses import replace
from typing import Any

import pytest
import torch

from tokay import ConfigError, Examples, Sizes, Task, TaskError, TaskSpec, one_hot
from tokay.core.task import check_task, kind_of, pool_examples

CLASSES = TaskSpec(x_shape=(4,), y_dim=3)
VALUES = TaskSpec(x_shape=(4,), y_dim=2, kind="regression")
BITS = TaskSpec(x_shape=(4,), y_dim=3, kind="sequence")


def tasks(**changes: Any) -> Task:
    """Return two tasks with three classes each. Keyword arguments replace tensors."""
    y = one_hot(torch.arange(3).repeat(2, 2), 3)  # [2, 6, 3]
    parts = {"support_x": torch.randn(2, 6, 4), "support_y": y, "query_x": torch.randn(2, 6, 4), "query_y": y}
    parts |= changes
    return Task(Examples(parts["support_x"], parts["support_y"]), Examples(parts["query_x"], parts["query_y"]))


def test_one_hot_against_torch() -> None:
    labels = torch.randint(5, (2, 7))
    rows = one_hot(labels, 5)
    assert rows.dtype == torch.bool
    assert torch.equal(rows, torch.nn.functional.one_hot(labels, 5).bool())
    assert torch.equal(rows.int().argmax(-1), labels)


def test_a_label_out_of_range_is_padding() -> None:
    assert one_hot(torch.tensor([-1, 3, 1]), 3).tolist() == [[False] * 3, [False] * 3, [False, True, False]]


def test_kind_follows_from_the_dtype() -> None:
    assert kind_of(torch.zeros(2, 3, dtype=torch.bool)) == "classification"
    assert kind_of(torch.zeros(2, 3, dtype=torch.uint8)) == "sequence"
    assert kind_of(torch.zeros(2, 3)) == kind_of(torch.zeros(2, 3, dtype=torch.float64)) == "regression"


@pytest.mark.parametrize("name", ["ways", "shots", "queries"])
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_must_be_positive(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"^Sizes: {name} must be at least 1, got {value}"):
        Sizes(**{name: value})


def test_valid_tasks_pass() -> None:
    check_task(tasks(), CLASSES, where="here")
    x, y = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    check_task(Task(Examples(x, y), Examples(x, y)), VALUES, where="here")


def test_padding_rows_and_missing_query_classes_pass() -> None:
    y = tasks().support.y.clone()
    y[:, -1] = False
    check_task(tasks(support_y=y, query_y=torch.zeros_like(y)), CLASSES, where="here")


def _without(class_index: int) -> torch.Tensor:
    y = tasks().support.y.clone()
    y[1, :, class_index] = False
    return y


def _with(value: float) -> torch.Tensor:
    x = torch.randn(2, 6, 4)
    x[0, 1, 2] = x[1, 3, 0] = value
    return x


@pytest.mark.parametrize("part", ["support", "query"])
@pytest.mark.parametrize(
    "change, spec, message",
    [
        ({"x": torch.randn(2, 6, 5)}, CLASSES, r"{part} examples must have shape \(4,\), got \(5,\)"),
        ({"x": torch.randn(2, 6, 2, 2)}, CLASSES, r"{part} examples must have shape \(4,\), got \(2, 2\)"),
        ({"y": tasks().support.y[:, :5]}, CLASSES, r"{part} targets must have shape \(2, 6, 3\), got \(2, 5, 3\)"),
        ({"y": tasks().support.y[:1]}, CLASSES, r"{part} targets must have shape \(2, 6, 3\), got \(1, 6, 3\)"),
        ({"y": tasks().support.y[..., :2]}, CLASSES, r"{part} targets must have shape \(2, 6, 3\), got \(2, 6, 2\)"),
        ({"y": torch.zeros(2, 6)}, CLASSES, r"{part} targets must have shape \(2, 6, 3\), got \(2, 6\)"),
        ({"y": torch.zeros(2, 6, 3)}, CLASSES, r"classification needs boolean one-hot targets, got torch.float32"),
        ({"y": torch.zeros(2, 6, 2).bool()}, VALUES, r"regression needs floating targets, got torch.bool"),
        ({"y": torch.zeros(2, 6, 3).bool()}, BITS, r"sequence needs uint8 \(0 or 1\) targets, got torch.bool"),
        ({"y": torch.full((2, 6, 3), 7).byte()}, BITS, r"{part} targets of a sequence must be 0 or 1, got 7"),
        ({"y": torch.ones(2, 6, 3).bool()}, CLASSES, r"a {part} example must have one class, got one with 3"),
        ({"x": _with(torch.nan)}, CLASSES, r"2 of the {part} inputs are NaN or infinite"),
        ({"x": _with(torch.inf)}, CLASSES, r"2 of the {part} inputs are NaN or infinite"),
    ],
)
def test_invalid_tasks_raise_an_error(change: dict[str, Any], spec: TaskSpec, message: str, part: str) -> None:
    valid = {"support_y": torch.randn(2, 6, 2), "query_y": torch.randn(2, 6, 2)} if spec is VALUES else {}
    if spec is BITS:
        valid = {"support_y": torch.zeros(2, 6, 3).byte(), "query_y": torch.ones(2, 6, 3).byte()}
    invalid = tasks(**{**valid, **{f"{part}_{name}": value for name, value in change.items()}})
    with pytest.raises(TaskError, match="^here: .*" + message.format(part=part)):
        check_task(invalid, spec, where="here")


def test_infinite_and_nan_targets_raise_an_error() -> None:
    x, y = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    invalid = y.clone()
    invalid[1, 0, 0] = torch.nan
    with pytest.raises(TaskError, match=r"^here: 1 of the query targets are NaN"):
        check_task(Task(Examples(x, y), Examples(x, invalid)), VALUES, where="here")


def test_bytes_are_never_nan() -> None:
    batch = tasks(support_x=torch.zeros(2, 6, 4, dtype=torch.int32), query_x=torch.zeros(2, 6, 4, dtype=torch.int32))
    check_task(batch, replace(CLASSES, x_type="integer"), where="here")


def test_a_class_without_support() -> None:
    message = r"^here: the support set has no example of class 2 \(counts 2 2 0\)\. Give at least one shot per class"
    with pytest.raises(TaskError, match=message):
        check_task(tasks(support_y=_without(2)), CLASSES, where="here")
    check_task(tasks(support_y=_without(2)), CLASSES, where="here", every_class=False)


def test_pooled_is_support_and_query_in_this_order() -> None:
    support = Examples(torch.tensor([[1.0], [2.0]]), torch.eye(2) > 0)
    query = Examples(torch.tensor([[3.0]]), torch.tensor([[False, True]]))
    x, y = pool_examples(Task(support, query))
    assert x.tolist() == [[1], [2], [3]]
    assert y.int().argmax(1).tolist() == [0, 1, 1]
