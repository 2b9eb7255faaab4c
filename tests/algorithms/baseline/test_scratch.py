"""Training from scratch against a loop with torch's own optimizers."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from tokay import Examples, FitConfig, Reptile, Scratch, Task, TaskSpec, fit, one_hot
from tokay.core.inner.minibatches import cycle

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def network() -> nn.Module:
    return Scratch().build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC).double()


def support() -> Examples:
    return Examples(torch.randn(6, 4, dtype=torch.float64), one_hot(torch.arange(6) % 3, 3))


@pytest.mark.parametrize("inner", ["adam", "sgd"])
@pytest.mark.parametrize("batch", [4, 6])
def test_adapting_is_ordinary_training(inner: Any, batch: int) -> None:
    net, (x, y) = network(), support()
    copy = deepcopy(net)
    parameters = list(copy.parameters())
    optimizer: Any = (
        torch.optim.Adam(parameters, lr=0.05, betas=(0.0, 0.999))
        if inner == "adam"
        else torch.optim.SGD(parameters, lr=0.05)
    )
    for rows in cycle(6, batch, 5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(copy(x[rows]), y[rows].int().argmax(1)).backward()
        optimizer.step()
    state = Scratch(inner=inner, inner_lr=0.05, test_steps=5, test_batch=batch).adapt(net, Examples(x, y))
    for name, p in copy.named_parameters():
        torch.testing.assert_close(state[name], p.detach(), rtol=1e-11, atol=1e-13, msg=name)


def test_fit_does_not_train_it() -> None:
    class NoTasks:
        spec = SPEC

        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            pytest.fail("fit must not draw tasks")

    net = network()
    initial = {name: p.clone() for name, p in net.state_dict().items()}
    assert list(fit(Scratch(), net, NoTasks(), FitConfig(steps=5))) == []
    assert all(torch.equal(initial[name], p) for name, p in net.state_dict().items())


def test_differs_from_reptile_only_in_the_initial_weights() -> None:
    """From equal weights both adapt to equal weights, bit for bit."""
    net, examples = network(), support()
    a = Scratch(inner_lr=0.01, test_steps=4, test_batch=2).adapt(net, examples)
    b = Reptile(inner_lr=0.01, test_steps=4, test_batch=2).at_test().adapt(net, examples)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_path_is_as_long_as_the_steps() -> None:
    assert len(list(Scratch(test_steps=7).path(network(), support()))) == 8
