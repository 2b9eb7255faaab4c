"""Fine-tuning against a loop with torch's own optimizers on a copy of the network with a head of zeros."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from tokay import Examples, Finetune, FitConfig, Sizes, Task, TaskSpec, fit, one_hot
from tokay.core.inner.minibatches import cycle
from tokay.tasks.class_pool import ClassPool
from tokay.tasks.joint_batches import JointBatches

POOL = 7


def network(kind: str = "classification") -> nn.Module:
    y_dim = POOL if kind == "classification" else 1
    spec = TaskSpec(x_shape=(4,), y_dim=y_dim, kind=kind)  # type: ignore[arg-type]
    return Finetune().build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), spec).double()


def support(ways: int = 3) -> Examples:
    return Examples(torch.randn(6, 4, dtype=torch.float64), one_hot(torch.arange(6) % ways, ways))


def values() -> Examples:
    return Examples(torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 1, dtype=torch.float64))


@pytest.mark.parametrize("inner", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_adapting_is_ordinary_training(kind: str, inner: Any) -> None:
    net, examples = network(kind), support() if kind == "classification" else values()
    copy = deepcopy(net)
    if kind == "classification":
        copy.head = nn.Linear(5, 3).double()
        nn.init.zeros_(copy.head.weight)
        nn.init.zeros_(copy.head.bias)
    optimizers: dict[str, Any] = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.0, 0.999)),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    }
    optimizer = optimizers[inner](copy.parameters())
    for rows in cycle(6, 4, 5):
        optimizer.zero_grad()
        outputs, y = copy(examples.x[rows]), examples.y[rows]
        loss = (
            nn.functional.cross_entropy(outputs, y.int().argmax(1))
            if y.dtype == torch.bool
            else (outputs - y).square().mean()
        )
        loss.backward()
        optimizer.step()
    finetune = Finetune(inner=inner, inner_lr=0.05, test_steps=5, test_batch=4)
    state = finetune.adapt(net, examples)
    for name, p in copy.named_parameters():
        torch.testing.assert_close(state[name], p.detach(), rtol=1e-11, atol=1e-13, msg=name)
    x = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(finetune.predict(net, state, x), copy(x), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("ways", [2, 3, 5])
def test_a_task_starts_from_a_head_of_zeros_with_its_ways(ways: int) -> None:
    net = network()
    path = list(Finetune(test_steps=4).path(net, support(ways)))
    assert len(path) == 5
    assert path[0]["head.weight"].tolist() == [[0.0] * 5] * ways
    assert path[0]["head.bias"].tolist() == [0.0] * ways
    assert torch.equal(path[0]["backbone.0.weight"], net.get_parameter("backbone.0.weight"))
    assert not Finetune().predict(net, path[0], torch.randn(2, 4).double()).any()
    assert not torch.equal(path[-1]["backbone.0.weight"], path[0]["backbone.0.weight"]), "all layers are trained"


def test_regression_keeps_its_head() -> None:
    net = network("regression")
    initial = next(Finetune().path(net, values()))
    assert torch.equal(initial["head.weight"], net.get_parameter("head.weight"))
    assert torch.equal(initial["head.bias"], net.get_parameter("head.bias"))


def test_the_new_head_has_the_dtype_of_the_network() -> None:
    net = network().float()
    initial = next(Finetune().path(net, Examples(torch.randn(6, 4), support().y)))
    assert initial["head.weight"].dtype == torch.float32


def test_training_is_joint() -> None:
    """The loss is the cross-entropy on support and query together, without adaptation; so is its gradient."""
    net = network()
    x, labels = torch.randn(9, 4, dtype=torch.float64), torch.randint(POOL, (9,))
    y = one_hot(labels, POOL)
    loss, _ = Finetune().loss(net, Task(Examples(x[:4], y[:4]), Examples(x[4:], y[4:])))
    expected = nn.functional.cross_entropy(net(x), labels)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-14)
    for a, b in zip(*(torch.autograd.grad(cost, list(net.parameters())) for cost in (loss, expected)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-14)


def test_trains_on_mini_batches_that_lack_most_classes() -> None:
    pool = ClassPool(
        torch.randint(256, (60, 1, 2, 2), dtype=torch.uint8), torch.full((20,), 3), tuple("abcdefghijklmnopqrst")
    )
    source = JointBatches(pool, Sizes(ways=2, shots=1, queries=1))
    net = Finetune().build(nn.Flatten(), source.spec)
    assert [step.step for step in fit(Finetune(), net, source, FitConfig(steps=2, validate_every=0))] == [1, 2]
