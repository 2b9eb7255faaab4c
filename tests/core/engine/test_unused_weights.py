"""The first step of training names weights that do not affect the output."""

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import MAML, Examples, FitConfig, NetworkError, Reptile, Task, TaskSpec, one_hot
from tokay.algorithms.gradient.reptile.moments import WithMoments


class _Spare(nn.Module):
    """Has two layers and uses only one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.spare = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x)
        return output


class _Source:
    spec = TaskSpec(x_shape=(4,), y_dim=3)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        x = torch.randn(tasks, 6, 4, generator=generator)
        part = Examples(x, one_hot(torch.arange(6) % 3, 3).expand(tasks, -1, -1))
        return Task(part, part)


METHODS = [MAML(), MAML(order=1), Reptile(inner="sgd"), Reptile()]


def _steps(method: tokay.Algorithm[object], net: nn.Module) -> int:
    return len(list(tokay.fit(method, net, _Source(), FitConfig(steps=2, validate_every=0))))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_unused_weights_are_named(method: tokay.Algorithm[object]) -> None:
    net = _Spare()
    initial = {name: p.clone() for name, p in net.state_dict().items()}
    with pytest.raises(NetworkError, match=rf"^{method.name}: .*spare\.weight, spare\.bias do not.*requires_grad_"):
        _steps(method, net)
    assert all(torch.equal(initial[name], p) for name, p in net.state_dict().items())


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_frozen_weights_may_be_unused(method: tokay.Algorithm[object]) -> None:
    net = _Spare()
    net.spare.requires_grad_(False)
    assert _steps(method, net) == 2


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_layers_before_a_head_of_zeros_are_used(method: tokay.Algorithm[object]) -> None:
    """A head of zeros makes the gradients before it zero in the first step, but the layers are used."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    nn.init.zeros_(net[2].weight)
    assert _steps(method, net) == 2


def test_unused_weights_inside_a_wrapper() -> None:
    net = WithMoments(_Spare())
    with pytest.raises(NetworkError, match="spare"):
        _steps(Reptile(), net)


def test_a_long_list_is_shortened() -> None:
    net = nn.ModuleDict({"net": nn.Linear(4, 3), "spare": nn.Sequential(*(nn.Linear(1, 1) for _ in range(4)))})
    net.forward = lambda x: net["net"](x)  # type: ignore[method-assign]
    with pytest.raises(NetworkError, match="and 3 more do not"):
        _steps(MAML(), net)
