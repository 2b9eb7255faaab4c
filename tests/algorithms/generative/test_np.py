"""NP against torch's distributions and a loop over draws and points; its limits without noise or without r."""

from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from tokay import NP, Examples, Task, TaskSpec, over_tasks
from tokay.core.probability.neural_process import pair_noise

WIDTH = 8
Paths = Literal["both", "latent"]
each_form = pytest.mark.parametrize("paths", ["both", "latent"])


def examples(n: int = 5) -> Examples:
    return Examples(torch.randn(n, 3, dtype=torch.float64), torch.randn(n, 2, dtype=torch.float64))


def method(paths: Paths = "both", samples: int = 3) -> NP:
    return NP(width=WIDTH, samples=samples, paths=paths)


def network(paths: Paths = "both") -> nn.Module:
    backbone = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    return method(paths).build(backbone, TaskSpec(x_shape=(3,), y_dim=2, kind="regression")).double()


def pairs(net: nn.Module, part: Examples) -> Tensor:
    return torch.stack([torch.cat([net.backbone(x), y]) for x, y in zip(*part, strict=True)])


def q(net: nn.Module, part: Examples) -> Independent:
    """The distribution of the latent, given some examples."""
    encoding = torch.stack([net.latent.pairs.layers(pair) for pair in pairs(net, part)]).mean(0)
    activation = net.latent.hidden(encoding).relu()
    return Independent(Normal(net.latent.mean(activation), 0.1 + 0.9 * net.latent.std(activation).sigmoid()), 1)


def decode(net: nn.Module, support: Examples, z: Tensor, x: Tensor) -> Independent:
    """The prediction at one input for one draw of the latent."""
    inputs = [z, net.backbone(x)]
    if net.encoder is not None:
        inputs.insert(0, torch.stack([net.encoder.layers(pair) for pair in pairs(net, support)]).mean(0))
    mean, raw = net.decoder.layers(torch.cat(inputs)).split(2)
    return Independent(Normal(mean, 0.1 + 0.9 * torch.nn.functional.softplus(raw)), 1)


def draws(of: Independent, support: Examples, stream: int) -> Tensor:
    return of.mean + of.stddev * pair_noise(support, (3, WIDTH), stream=stream, like=support.x)


@each_form
def test_the_cost_is_a_loop_over_draws_and_points(paths: Paths) -> None:
    net, support, query = network(paths), examples(), examples(4)
    both = Examples(*(torch.cat(column) for column in zip(support, query, strict=True)))
    prior, posterior = q(net, support), q(net, both)
    expected = kl_divergence(posterior, prior)
    for z in draws(posterior, support, 1):
        for x, y in zip(*both, strict=True):
            expected = expected - decode(net, support, z, x).log_prob(y) / 3
    cost, _ = method(paths).loss(net, Task(support, query))
    torch.testing.assert_close(cost, expected / 9, rtol=1e-12, atol=1e-12)
    weights = list(net.parameters())
    gradient = torch.autograd.grad(expected / 9, weights)
    torch.testing.assert_close(torch.autograd.grad(cost, weights), gradient, rtol=1e-9, atol=1e-12)


@each_form
def test_answers_are_averaged_over_draws(paths: Paths) -> None:
    net, support, query = network(paths), examples(), examples(4)
    state = method(paths).adapt(net, support)
    mean, std = method(paths).distribution(net, state, query.x)
    log_p = method(paths).measures(net, state, query)["log_likelihood"]
    z = draws(q(net, support), support, 0)
    torch.testing.assert_close(state.z, z, rtol=1e-12, atol=1e-12)
    for i in range(4):
        parts = [decode(net, support, one, query.x[i]) for one in z]
        middle = sum(part.mean for part in parts) / 3
        spread = sum(part.variance + (part.mean - middle) ** 2 for part in parts) / 3
        likelihood = sum(part.log_prob(query.y[i]).exp() for part in parts) / 3
        torch.testing.assert_close((mean[i], std[i] ** 2), (middle, spread), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(log_p[i], likelihood.log() / 2, rtol=1e-10, atol=1e-12)
    assert torch.equal(method(paths).predict(net, state, query.x), mean)
    report = method(paths).loss(net, Task(support, query))[1]
    torch.testing.assert_close(report["log_likelihood"], log_p.mean(), rtol=1e-12, atol=1e-12)


def test_the_order_of_the_context_changes_nothing() -> None:
    net, (x, y), query = network(), examples(), examples(3)
    order = torch.tensor([3, 0, 4, 1, 2])
    a, b = (method().loss(net, Task(support, query))[0] for support in (Examples(x, y), Examples(x[order], y[order])))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_one_draw_is_one_curve() -> None:
    """The prediction of a draw at one input does not depend on the other inputs."""
    net, query = network(), examples(6)
    state = method().adapt(net, examples())
    batch = method().curves(net, state, query.x)
    assert batch.mean.shape == (3, 6, 2)
    singles = torch.cat([method().curves(net, state, x[None]).mean for x in query.x], 1)
    torch.testing.assert_close(batch.mean, singles, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(batch.mean[0], batch.mean[1])


def test_the_latent_path_alone_has_no_representation() -> None:
    net = network("latent")
    assert method("latent").adapt(net, examples()).r.shape == (0,)
    assert not [name for name, _ in net.named_parameters() if name.startswith("encoder")]
    assert method().adapt(network(), examples()).r.shape == (WIDTH,)


def test_every_task_has_its_own_draws() -> None:
    net, supports = network(), [examples() for _ in range(4)]
    parts = [torch.stack(column) for column in zip(*supports, strict=True)]
    task = Task(Examples(*parts), Examples(*parts))
    z = over_tasks(lambda task: method().adapt(net, task.support).z, task)
    assert len(z.flatten().unique()) == 4 * 3 * WIDTH


@each_form
def test_an_empty_context_is_answered(paths: Paths) -> None:
    net, (x, y) = network(paths), examples()
    state = method(paths).adapt(net, Examples(x[:0], y[:0]))
    mean_state = state._replace(z=(net.latent(net.backbone(x)[:0], y[:0])).mean[None])
    torch.testing.assert_close(method(paths).predict(net, mean_state, x), net(x))


def test_settings() -> None:
    settings = (NP().width, NP().paths, NP.outer.lr, NP.meta_batch, NP.kinds)
    assert settings == (128, "both", 1e-4, 16, ("regression",))
    assert (NP().samples, NP().at_test().samples, NP(test_samples=7).at_test().samples) == (1, 32, 7)
    assert [recipe.name for recipe in NP.recipes] == ["np-gp"]
    with pytest.raises(TypeError, match=r"^np: `net` must come from NP\(\)"):
        method().adapt(nn.Identity(), examples())
