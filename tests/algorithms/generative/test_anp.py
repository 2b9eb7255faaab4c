"""ANP against attention by hand, head by head, and against torch's distributions."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from tokay import ANP, Examples, Task, TaskSpec
from tokay.core.probability.neural_process import pair_noise

WIDTH, HEADS = 8, 4
METHOD = ANP(width=WIDTH, heads=HEADS, samples=3)


def examples(n: int = 5) -> Examples:
    return Examples(torch.randn(n, 3, dtype=torch.float64), torch.randn(n, 2, dtype=torch.float64))


def network() -> nn.Module:
    backbone = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    return METHOD.build(backbone, TaskSpec(x_shape=(3,), y_dim=2, kind="regression")).double()


def encode(layers: nn.Module, net: nn.Module, part: Examples) -> Tensor:
    return torch.stack([layers(torch.cat([net.backbone(x), y])) for x, y in zip(*part, strict=True)])


def q(net: nn.Module, part: Examples) -> Independent:
    activation = net.latent.hidden(encode(net.latent.pairs.layers, net, part).mean(0)).relu()
    return Independent(Normal(net.latent.mean(activation), 0.1 + 0.9 * net.latent.std(activation).sigmoid()), 1)


def attend(net: nn.Module, support: Examples, x: Tensor) -> Tensor:
    """r(x), one head and one example at a time. A head owns rows of q, k and v, and columns of o."""
    attention, size = net.attention, WIDTH // HEADS
    result = torch.zeros(WIDTH, dtype=torch.float64)
    values = encode(net.encoder.layers, net, support)
    for head in range(HEADS):
        own = slice(head * size, (head + 1) * size)
        query = attention.q.weight[own] @ net.place(net.backbone(x))
        scores = [query @ (attention.k.weight[own] @ net.place(net.backbone(a))) / size**0.5 for a in support.x]
        total = sum(score.exp() for score in scores)
        head_value = sum(s.exp() / total * (attention.v.weight[own] @ v) for s, v in zip(scores, values, strict=True))
        result = result + attention.o.weight[:, own] @ head_value
    return result


def decode(net: nn.Module, support: Examples, z: Tensor, x: Tensor) -> Independent:
    mean, raw = net.decoder.layers(torch.cat([attend(net, support, x), z, net.backbone(x)])).split(2)
    return Independent(Normal(mean, 0.1 + 0.9 * torch.nn.functional.softplus(raw)), 1)


def draws(of: Independent, support: Examples, stream: int) -> Tensor:
    return of.mean + of.stddev * pair_noise(support, (3, WIDTH), stream=stream, like=support.x)


def test_the_cost_is_a_loop_over_draws_points_and_heads() -> None:
    net, support, query = network(), examples(), examples(4)
    both = Examples(*(torch.cat(column) for column in zip(support, query, strict=True)))
    prior, posterior = q(net, support), q(net, both)
    expected = kl_divergence(posterior, prior)
    for z in draws(posterior, support, 1):
        for x, y in zip(*both, strict=True):
            expected = expected - decode(net, support, z, x).log_prob(y) / 3
    cost, _ = METHOD.loss(net, Task(support, query))
    torch.testing.assert_close(cost, expected / 9, rtol=1e-12, atol=1e-12)
    weights = list(net.parameters())
    gradient = torch.autograd.grad(expected / 9, weights)
    torch.testing.assert_close(torch.autograd.grad(cost, weights), gradient, rtol=1e-9, atol=1e-12)


def test_answers_are_averaged_over_draws() -> None:
    net, support, query = network(), examples(), examples(4)
    state = METHOD.adapt(net, support)
    mean, std = METHOD.distribution(net, state, query.x)
    log_p = METHOD.measures(net, state, query)["log_likelihood"]
    for i in range(4):
        parts = [decode(net, support, z, query.x[i]) for z in draws(q(net, support), support, 0)]
        middle = sum(part.mean for part in parts) / 3
        spread = sum(part.variance + (part.mean - middle) ** 2 for part in parts) / 3
        likelihood = sum(part.log_prob(query.y[i]).exp() for part in parts) / 3
        torch.testing.assert_close((mean[i], std[i] ** 2), (middle, spread), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(log_p[i], likelihood.log() / 2, rtol=1e-10, atol=1e-12)
    assert torch.equal(METHOD.predict(net, state, query.x), mean)
    report = METHOD.loss(net, Task(support, query))[1]
    torch.testing.assert_close(report["log_likelihood"], log_p.mean(), rtol=1e-12, atol=1e-12)


def test_examples_of_one_place_count_the_same() -> None:
    """If all keys are equal, attention is the mean of the values, as in a neural process."""
    net, (x, y) = network(), examples()
    same = Examples(x[:1].expand(5, -1), y)
    state, query = METHOD.adapt(net, same), net.place(net.backbone(examples(2).x))
    r = net.attention(query, state.keys, state.values)
    expected = net.attention.o(net.attention.v(state.values).mean(0))
    torch.testing.assert_close(r, expected.expand(2, -1), rtol=1e-12, atol=1e-12)


def test_a_near_example_counts_more() -> None:
    """With large keys and queries, attention gives the value of the nearest example."""
    net, support = network(), examples()
    with torch.no_grad():
        for layer in (net.attention.q, net.attention.k):
            layer.weight.copy_(torch.eye(WIDTH))
    keys = 40 * nn.functional.normalize(torch.randn(5, WIDTH, dtype=torch.float64).view(5, HEADS, -1), dim=2).view(
        5, WIDTH
    )
    values = METHOD.adapt(net, support).values
    r = net.attention(keys, keys, values)
    torch.testing.assert_close(r, net.attention.o(net.attention.v(values)), rtol=1e-3, atol=1e-3)


def test_the_order_of_the_context_changes_nothing() -> None:
    net, (x, y), query = network(), examples(), examples(3)
    order = torch.tensor([3, 0, 4, 1, 2])
    a, b = (METHOD.loss(net, Task(support, query))[0] for support in (Examples(x, y), Examples(x[order], y[order])))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_an_answer_does_not_depend_on_the_other_queries() -> None:
    net, query = network(), examples(6)
    state = METHOD.adapt(net, examples())
    batch = METHOD.curves(net, state, query.x)
    singles = torch.cat([METHOD.curves(net, state, x[None]).mean for x in query.x], 1)
    torch.testing.assert_close(batch.mean, singles, rtol=1e-12, atol=1e-12)
    assert batch.mean.shape == (3, 6, 2)


def test_an_empty_context_is_answered() -> None:
    net, (x, y) = network(), examples()
    state = METHOD.adapt(net, Examples(x[:0], y[:0]))
    assert not net.attention(net.place(net.backbone(x)), state.keys, state.values).any()
    mean_state = state._replace(z=(net.latent(net.backbone(x)[:0], y[:0])).mean[None])
    torch.testing.assert_close(METHOD.predict(net, mean_state, x), net(x))


def test_attention_starts_as_in_the_authors_code() -> None:
    net = ANP().build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    for layer in (net.attention.q, net.attention.k, net.attention.v, net.attention.o):
        assert layer.bias is None
        assert float(layer.weight.detach().std()) == pytest.approx(128**-0.5, rel=0.05)


@pytest.mark.parametrize("width, heads, size", [(8, 3, 2), (4, 8, 1)])
def test_heads_that_do_not_divide_the_width(width: int, heads: int, size: int) -> None:
    method, support = ANP(width=width, heads=heads), Examples(torch.randn(5, 1), torch.randn(5, 1))
    net = method.build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    assert net.attention.v.weight.shape == (heads * size, width)
    assert method.predict(net, method.adapt(net, support), support.x).shape == (5, 1)


def test_settings() -> None:
    assert (ANP().width, ANP().heads, ANP.outer.lr, ANP.meta_batch, ANP.kinds) == (128, 8, 1e-4, 16, ("regression",))
    assert (ANP().samples, ANP().at_test().samples, ANP(test_samples=7).at_test().samples) == (1, 32, 7)
    assert [recipe.name for recipe in ANP.recipes] == ["anp-gp"]
    with pytest.raises(TypeError, match=r"^anp: `net` must come from ANP\(\)"):
        METHOD.adapt(nn.Identity(), examples())
