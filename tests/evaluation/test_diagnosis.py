"""Each finding has a network or a method with the fault."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import MAML, ProtoNet, Task, TaskSpec, one_hot
from tokay.conformance.helpers import cases
from tokay.core.task import Examples
from tokay.evaluation.diagnosis import diagnose

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def make_tasks(tasks: int = 6) -> Task:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat(4).expand(tasks, -1)

    def examples() -> Examples:
        x = 3 * torch.eye(4)[labels] + 0.1 * torch.randn(tasks, 12, 4, generator=generator)
        return Examples(x, one_hot(labels, 3))

    return Task(examples(), examples())


def backbone() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU())


def names_of(method: Any, net: nn.Module) -> list[str]:
    return [finding.name for finding in diagnose(method, net, make_tasks(), make_tasks())]


@pytest.mark.parametrize("method", [MAML(inner_lr=0.1), ProtoNet()], ids=lambda method: method.name)
def test_a_sound_run_has_no_findings(method: Any) -> None:
    assert names_of(method, method.build(backbone(), SPEC)) == []


@pytest.mark.parametrize("case", cases(defaults_only=True, accepts=lambda case: case.kind != "sequence"))
def test_every_method_can_be_diagnosed(case: Any) -> None:
    findings = diagnose(case.algorithm, case.build("none"), case.tasks("none", tasks=2), case.tasks("none", tasks=2))
    assert not {"vmap"} & {finding.name for finding in findings}


def test_dead_units() -> None:
    net = backbone()
    with torch.no_grad():
        net[0].bias.fill_(-1000.0)  # type: ignore[operator,union-attr,index]
    assert "no gradient" in names_of(ProtoNet(), net)
    assert "no gradient" in names_of(ProtoNet(), backbone().requires_grad_(False))


@pytest.mark.parametrize("inner_lr, name", [(1e4, "explodes"), (1e-9, "does nothing")])
def test_an_inner_rate_that_is_no_good(inner_lr: float, name: str) -> None:
    method = MAML(inner_lr=inner_lr)
    assert name in names_of(method, method.build(backbone(), SPEC))


def test_constant_answers() -> None:
    method = MAML(inner_lr=1e-9)
    net = method.build(backbone(), SPEC)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.linspace(0, 9, len(parameter)))
            else:
                parameter.zero_()
    assert "constant" in names_of(method, net)


class Noisy(nn.Module):
    """Draws numbers although it is in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def test_a_network_that_draws_numbers() -> None:
    assert names_of(ProtoNet(), nn.Sequential(backbone(), Noisy())) == ["vmap"]


def test_real_targets() -> None:
    tasks = Task(*(Examples(part.x, part.x[..., :1]) for part in make_tasks()))
    spec = TaskSpec(x_shape=(4,), y_dim=1, kind="regression")
    method = tokay.MAML(inner_lr=0.01)
    assert diagnose(method, method.build(backbone(), spec), tasks, tasks) == []
