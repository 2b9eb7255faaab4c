"""Token numbers, bytes, float64: the type of the inputs is part of the spec, and a mistake is named once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import (
    MAML,
    ConfigError,
    Examples,
    FitConfig,
    NetworkError,
    ProtoNet,
    Task,
    TaskError,
    TaskSpec,
    evaluate,
    fit,
)
from tokay.core.task import one_hot

METHODS = [ProtoNet(), MAML(inner_lr=0.1)]


class Bag(nn.Module):
    """The mean of the embeddings of some tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)

    def forward(self, x: Tensor) -> Tensor:
        embeddings: Tensor = self.embedding(x)
        return embeddings.mean(1)


class Tokens:
    """Three classes of texts of seven tokens, each with its own vocabulary."""

    spec = TaskSpec(x_shape=(7,), y_dim=3, x_type="integer")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        labels = torch.arange(3).repeat(4)
        x = torch.randint(0, 15, (tasks, 12, 7), generator=generator) + labels[None, :, None] * 16
        y = one_hot(labels.expand(tasks, -1), 3)
        return Task(Examples(x[:, :6], y[:, :6]), Examples(x[:, 6:], y[:, 6:]))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_tokens_are_trained_validated_evaluated_and_used(method: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Tokens()
    net = method.build(Bag(), source.spec)
    config = FitConfig(steps=20, meta_batch=4, validate_every=10, validation_tasks=4)
    for _ in fit(method, net, source, config, validation=source):
        pass
    assert evaluate(method, net, source, tasks=20)["accuracy"].mean > (0.6 if method.any_ways else 0.2)
    learner = tokay.Learner(method, net, x_type="integer")
    task = source.sample(1, torch.Generator().manual_seed(5))
    x, labels = task.support.x[0].numpy(), task.support.y[0].int().argmax(1).numpy()
    answers = learner.fit(x, labels).predict(task.query.x[0].numpy())
    assert answers.shape == (6,)
    tokay.save(learner, net, tmp_path / "tokens.learner", factory=Bag, spec=source.spec)
    loaded = tokay.load(tmp_path / "tokens.learner")
    assert np.array_equal(loaded.predict(task.query.x[0].numpy()), answers)
    with pytest.raises(TaskError, match="inputs must be integers, as in training, got torch"):
        learner.predict(task.query.x[0].float().numpy())


class Others(Tokens):
    """Inputs of another type than the spec says."""

    def __init__(self, dtype: torch.dtype, spec: TaskSpec) -> None:
        self.dtype, self.spec = dtype, spec  # type: ignore[misc]

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        task = super().sample(tasks, generator)
        return Task(*(Examples(part.x.to(self.dtype), part.y) for part in task))


NUMBERS = TaskSpec(x_shape=(7,), y_dim=3)


@pytest.mark.parametrize(
    "dtype, spec, message",
    [
        (
            torch.int64,
            NUMBERS,
            r"support inputs must be floating point, got torch.int64. Convert them \(x.float\(\)\), or",
        ),
        (torch.uint8, NUMBERS, r"got torch.uint8. Convert them \(x.float\(\) / 255\)"),
        (
            torch.float32,
            Tokens.spec,
            r"must be int64, as TaskSpec\(x_type=\"integer\"\) says, got torch.float32",
        ),
        (torch.uint8, Tokens.spec, r"must be int64, as TaskSpec\(x_type=\"integer\"\) says, got torch.uint8"),
    ],
)
@pytest.mark.parametrize("use", ["fit", "evaluate"])
def test_another_type_than_the_spec_says(dtype: torch.dtype, spec: TaskSpec, message: str, use: str) -> None:
    backbone = Bag() if spec.x_type == "integer" else nn.Linear(7, 5)
    net, source = ProtoNet().build(backbone, spec), Others(dtype, spec)
    with pytest.raises(TaskError, match=f"{use}: .*{message}"):
        use_source(use, net, source)


@pytest.mark.parametrize("use", ["fit", "evaluate"])
def test_other_weights_than_inputs(use: str) -> None:
    net, source = ProtoNet().build(nn.Linear(7, 5), NUMBERS), Others(torch.float64, NUMBERS)
    with pytest.raises(
        NetworkError, match=f"{use}: inputs and weights must have the same dtype, got torch.float64 and"
    ):
        use_source(use, net, source)
    use_source(use, net.double(), source)


def use_source(use: str, net: nn.Module, source: Any) -> None:
    if use == "evaluate":
        evaluate(ProtoNet(), net, source, tasks=2)
    else:
        for _ in fit(ProtoNet(), net, source, FitConfig(steps=1)):
            pass


class Unknown(Tokens):
    """Tokens that no embedding has."""

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return Task(*(Examples(part.x + 100, part.y) for part in super().sample(tasks, generator)))


@pytest.mark.parametrize("use", ["fit", "evaluate"])
def test_an_index_that_the_embedding_does_not_have(use: str) -> None:
    with pytest.raises(NetworkError, match=r"is an index that the network's nn\.Embedding does not have"):
        use_source(use, ProtoNet().build(Bag(), Tokens.spec), Unknown())


def test_an_embedding_without_the_type_is_told_so() -> None:
    with pytest.raises(NetworkError, match=r'If the inputs are indices, say TaskSpec\(x_type="integer"\)'):
        ProtoNet().build(Bag(), NUMBERS)


def test_a_type_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="x_type must be float or integer, got 'text'"):
        TaskSpec(x_shape=(7,), y_dim=3, x_type="text")  # type: ignore[arg-type]
