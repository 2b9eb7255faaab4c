"""Weights that no answer depends on are named before time is spent on them."""

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import MAML, Examples, FitConfig, NetworkError, Reptile, Task, TaskSpec, one_hot
from tokay.algorithms.gradient.reptile.moments import WithMoments


class _Spare(nn.Module):
    """Two layers of which one is never asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.spare = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.asked(x)
        return answer


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
def test_what_is_not_used_is_named(method: tokay.Algorithm[object]) -> None:
    net = _Spare()
    before = {name: p.clone() for name, p in net.state_dict().items()}
    with pytest.raises(NetworkError, match=rf"^{method.name}: .*spare\.weight, spare\.bias do not.*requires_grad_"):
        _steps(method, net)
    assert all(torch.equal(before[name], p) for name, p in net.state_dict().items())


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_is_frozen_need_not_be_used(method: tokay.Algorithm[object]) -> None:
    net = _Spare()
    net.spare.requires_grad_(False)
    assert _steps(method, net) == 2


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_blank_head_hides_nothing(method: tokay.Algorithm[object]) -> None:
    """Behind weights of zero the gradient is zero at first, and the layer is used all the same."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    nn.init.zeros_(net[2].weight)
    assert _steps(method, net) == 2


def test_inside_what_stands_beside() -> None:
    net = WithMoments(_Spare())
    with pytest.raises(NetworkError, match="spare"):
        _steps(Reptile(), net)


def test_many_are_counted() -> None:
    net = nn.ModuleDict({"net": nn.Linear(4, 3), "spare": nn.Sequential(*(nn.Linear(1, 1) for _ in range(4)))})
    net.forward = lambda x: net["net"](x)  # type: ignore[method-assign]
    with pytest.raises(NetworkError, match="and 3 more do not"):
        _steps(MAML(), net)
