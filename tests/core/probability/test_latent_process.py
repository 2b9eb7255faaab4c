"""The layer under NP and ANP, with the smallest network that fits it."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tokay import Examples, Task, list_algorithms
from tokay.core.network import require_network
from tokay.core.probability.latent_process import LatentNetwork, LatentProcess
from tokay.core.probability.neural_process import (
    Normal,
    draw_latent,
    elbo,
    mixture,
    mixture_log_likelihood,
    mixture_metrics,
)

WIDTH, SAMPLES = 4, 3


class State(NamedTuple):
    shift: Tensor
    z: Tensor


class Network(LatentNetwork[State]):
    """y = x + sum of y in the context + first number of z, with σ = 1."""

    def condition(self, x: Tensor, y: Tensor, z: Tensor) -> State:
        return State(y.sum(0), z)

    def decode(self, state: State, x: Tensor) -> Normal:
        mean = x + state.shift + state.z[:, None, :1]
        return Normal(mean, torch.ones_like(mean))


@dataclass(frozen=True, kw_only=True)
class Process(LatentProcess[State]):
    samples: int = SAMPLES

    def _parts(self, net: nn.Module) -> Network:
        return require_network(Network, net, "process: `net` must be a Network")


def network() -> Network:
    return Network(nn.Identity(), 1, 1, WIDTH).double()


def examples(n: int) -> Examples:
    return Examples(torch.randn(n, 1, dtype=torch.float64), torch.randn(n, 1, dtype=torch.float64))


def test_the_layer_is_no_algorithm_of_its_own() -> None:
    assert not {LatentProcess, Process} & set(list_algorithms().values())


def test_adapt_draws_from_the_prior_and_predict_averages() -> None:
    net, support, query = network(), examples(5), examples(4)
    state = Process().adapt(net, support)
    z = draw_latent(support, net.latent(*support), SAMPLES, stream=0)
    assert torch.equal(state.z, z)
    curves = Process().curves(net, state, query.x)
    torch.testing.assert_close(curves.mean, query.x + support.y.sum(0) + z[:, None, :1])
    torch.testing.assert_close(Process().distribution(net, state, query.x), mixture(curves))
    torch.testing.assert_close(Process().predict(net, state, query.x), curves.mean.mean(0))
    log_p = Process().measures(net, state, query)["log_likelihood"]
    torch.testing.assert_close(log_p, mixture_log_likelihood(curves, query.y))


def test_the_loss_is_the_elbo_of_all_points_under_the_posterior() -> None:
    net, support, query = network(), examples(5), examples(4)
    both = Examples(*(torch.cat(parts) for parts in zip(support, query, strict=True)))
    prior, posterior = net.latent(*support), net.latent(*both)
    state = State(support.y.sum(0), draw_latent(support, posterior, SAMPLES, stream=1))
    loss, report = Process().loss(net, Task(support, query))
    torch.testing.assert_close(loss, -elbo(net.decode(state, both.x), both.y, posterior, prior) / 9)
    expected = mixture_metrics(Process().curves(net, Process().adapt(net, support), query.x), query.y)
    torch.testing.assert_close(dict(report), expected)
    assert not report["loss"].requires_grad


def test_the_network_alone_predicts_without_a_context() -> None:
    net, x = network(), examples(4).x
    empty = x.new_zeros(0, 1)
    torch.testing.assert_close(net(x), x + net.latent(empty, empty).mean[:1])
