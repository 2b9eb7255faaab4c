"""What ``fit`` and ``predict`` take as inputs, and what they say about anything else."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokay import Learner, ProtoNet, TaskError
from tokay.learner.inputs import explained_indices, read_inputs

from .corners import regressor

NET = nn.Linear(2, 1)
ROWS = [[0.0, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    "x",
    [ROWS, torch.tensor(ROWS), np.array(ROWS), np.array(ROWS, dtype=object), np.array(ROWS, dtype=np.uint16)],
    ids=["list", "tensor", "array", "objects", "uint16"],
)
def test_numbers_of_any_form(x: Any) -> None:
    assert read_inputs(x, NET, "float").tolist() == ROWS


def test_bytes_are_pictures_unless_they_are_indices() -> None:
    x = np.array([[0, 255]], dtype=np.uint8)
    assert read_inputs(x, NET, "float").tolist() == [[0, 1]]
    assert read_inputs(x, NET, "integer").tolist() == [[0, 255]]
    assert read_inputs(x, NET, "integer").dtype == torch.int64


@pytest.mark.parametrize(
    "x, message",
    [
        ([[0.0, 1.0], [2.0]], "inputs must all have one shape, got rows of several"),
        (["red", "blue"], "inputs must be numbers, got 'red' of type <U4"),
        (np.array(["red", None], dtype=object), "inputs must be numbers, got str 'red'"),
        (np.array([[1j, 2.0]]), r"inputs must be real numbers, got torch\.complex128"),
        (torch.tensor([[1j]]), r"inputs must be real numbers, got torch\.complex64"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "inputs must be numbers, got '2020-01-01'"),
        ([[float("nan"), 0.0]], "1 of the inputs are NaN or infinite"),
    ],
)
def test_anything_else(x: Any, message: str) -> None:
    with pytest.raises(TaskError, match=f"^Learner: {message}"):
        read_inputs(x, NET, "float")


class Tokens(nn.Module):
    """The mean embedding of some tokens, from 0 to 9."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        embeddings: Tensor = self.embedding(x)
        return embeddings.mean(1)


def test_indices_out_of_range() -> None:
    learner = Learner(ProtoNet(), Tokens(), x_type="integer")
    message = "inputs must be indices that the network knows, got some from 0 to 10 and one is out of range"
    with pytest.raises(TaskError, match=message):
        learner.fit([[0, 1], [2, 10]], ["a", "b"])
    learner.fit([[0, 1], [2, 9]], ["a", "b"])
    for inductive in (True, False):
        learner.inductive = inductive
        with pytest.raises(TaskError, match=message):
            learner.predict([[0, 10], [0, 10], [0, 10]])


def test_other_index_errors_pass() -> None:
    with pytest.raises(IndexError, match="pop from"), explained_indices(torch.zeros(1, dtype=torch.int64)):
        [].pop()


def test_memory_that_may_not_be_written_gives_no_warning() -> None:
    x, y = np.random.default_rng(0).random((6, 2)), np.arange(6.0)
    x.flags.writeable = y.flags.writeable = False  # as pandas lends it
    assert regressor().fit(x, y).predict(x).shape == (6,)
