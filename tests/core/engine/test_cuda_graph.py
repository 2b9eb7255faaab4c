"""Replayed steps against ordinary ones, on a machine that has a CUDA device."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import FitConfig, fit
from tokay.core.engine.cuda_graph import Recorded
from tokay.core.task import Examples, Task
from tokay.errors import ConfigError, NetworkError
from tokay.evaluation.evaluate import move

from ...training.small_problem import MAML_HERE, Lines, built, config, weights

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class OnCuda:
    """``Lines`` there."""

    spec = Lines.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return move(Lines().sample(tasks, generator), torch.device("cuda"))


def trained(method: Any, *layers: nn.Module, **changes: Any) -> tuple[dict[str, Tensor], list[float]]:
    net = built(*layers).cuda()
    costs = [step.cost for step in fit(method, net, OnCuda(), config(lr=0.05, **changes))]
    return weights(net), costs


@on_cuda
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("method", [MAML_HERE, tokay.Reptile(inner_steps=3, inner_batch=2, inner="sgd")])
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_a_replayed_step_is_an_ordinary_one(method: Any, optimizer: Any, chunk_size: Any) -> None:
    how = {"optimizer": optimizer, "chunk_size": chunk_size, "steps": 6}
    (ordinary, costs), (replayed, again) = trained(method, **how), trained(method, cuda_graph=True, **how)
    assert again == pytest.approx(costs, rel=1e-10)
    for name, value in ordinary.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-9, atol=1e-11)


@on_cuda
def test_draws_are_of_the_step() -> None:
    """Dropout is that of an ordinary training, in every step: a replay that drew the recorded masks again would differ."""
    (ordinary, costs), (replayed, again) = (
        trained(MAML_HERE, nn.Dropout(0.5), steps=8, cuda_graph=graph) for graph in (False, True)
    )
    assert again == pytest.approx(costs, rel=1e-10)
    for name, value in ordinary.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-9, atol=1e-11)


@on_cuda
def test_what_waits_for_the_device_is_refused() -> None:
    class Reads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * float(x.detach().abs().amax() > -1)

    net = built(Reads()).cuda()
    with pytest.raises(NetworkError, match=r"maml: a step can be recorded only .* Leave out --cuda-graph"):
        list(fit(MAML_HERE, net, OnCuda(), config(mode="loop", cuda_graph=True)))


def test_needs_a_cuda_device() -> None:
    with pytest.raises(ConfigError, match=r"the network is on cpu\. Leave it out, or give --device cuda"):
        list(fit(MAML_HERE, built(), Lines(), FitConfig(steps=1, validate_every=0, cuda_graph=True)))


def test_a_pair_that_comes_once_is_never_recorded() -> None:
    """So annealed costs and changing shapes take the ordinary way."""
    seen: list[tuple[int, int]] = []

    def work(kind: int, tasks: Task) -> Tensor:
        seen.append((kind, len(tasks.support.x)))
        return tasks.support.x.sum()

    def tasks(n: int) -> Task:
        x = torch.ones(n, 2, 3)
        return Task(Examples(x, x), Examples(x, x))

    recorded = Recorded(work, [], where="here")
    for kind, n in ((1, 2), (2, 2), (1, 3), (2, 3)):
        assert float(recorded(kind, tasks(n))) == 6 * n
    assert seen == [(1, 2), (2, 2), (1, 3), (2, 3)]
