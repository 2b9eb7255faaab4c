"""Compares replayed steps with normal steps, on a machine with a CUDA device."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import FitConfig, fit
from tokay.core.engine.batching import to_device
from tokay.core.engine.cuda_graph import GraphedFunction
from tokay.core.task import Examples, Task
from tokay.errors import ConfigError, NetworkError

from ...training.small_problem import MAML_HERE, Lines, config, small_net, weights

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class OnCuda:
    """The source ``Lines``, on the GPU."""

    spec = Lines.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return to_device(Lines().sample(tasks, generator), torch.device("cuda"))


def train(method: Any, *layers: nn.Module, **changes: Any) -> tuple[dict[str, Tensor], list[float]]:
    net = small_net(*layers).cuda()
    costs = [step.cost for step in fit(method, net, OnCuda(), config(lr=0.05, **changes))]
    return weights(net), costs


@on_cuda
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("method", [MAML_HERE, tokay.Reptile(inner_steps=3, inner_batch=2, inner="sgd")])
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_a_replayed_step_equals_a_normal_step(method: Any, optimizer: Any, chunk_size: Any) -> None:
    options = {"optimizer": optimizer, "chunk_size": chunk_size, "steps": 6}
    (normal, costs), (replayed, replayed_costs) = train(method, **options), train(method, cuda_graph=True, **options)
    assert replayed_costs == pytest.approx(costs, rel=1e-10)
    for name, value in normal.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-9, atol=1e-11)


@on_cuda
def test_every_replay_draws_new_numbers() -> None:
    """Every step has the dropout masks of a normal step. A replay that reuses the recorded masks fails here."""
    (normal, costs), (replayed, replayed_costs) = (
        train(MAML_HERE, nn.Dropout(0.5), steps=8, cuda_graph=graph) for graph in (False, True)
    )
    assert replayed_costs == pytest.approx(costs, rel=1e-10)
    for name, value in normal.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-9, atol=1e-11)


@on_cuda
def test_a_step_that_waits_for_the_gpu_raises_an_error() -> None:
    class Reads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * float(x.detach().abs().amax() > -1)

    net = small_net(Reads()).cuda()
    with pytest.raises(NetworkError, match=r"maml: --cuda-graph can record a step only .* Leave out --cuda-graph"):
        list(fit(MAML_HERE, net, OnCuda(), config(mode="loop", cuda_graph=True)))


def test_needs_a_cuda_device() -> None:
    with pytest.raises(ConfigError, match=r"the network is on cpu\. Leave it out, or give --device cuda"):
        list(fit(MAML_HERE, small_net(), Lines(), FitConfig(steps=1, validate_every=0, cuda_graph=True)))


def test_a_pair_that_occurs_once_is_never_recorded() -> None:
    """So annealed costs and changing shapes run normally."""
    calls: list[tuple[int, int]] = []

    def function(kind: int, tasks: Task) -> Tensor:
        calls.append((kind, len(tasks.support.x)))
        return tasks.support.x.sum()

    def tasks(n: int) -> Task:
        x = torch.ones(n, 2, 3)
        return Task(Examples(x, x), Examples(x, x))

    graphed = GraphedFunction(function, [], where="here")
    for kind, n in ((1, 2), (2, 2), (1, 3), (2, 3)):
        assert float(graphed(kind, tasks(n))) == 6 * n
    assert calls == [(1, 2), (2, 2), (1, 3), (2, 3)]
