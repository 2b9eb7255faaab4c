"""SNAIL: one sequence with the query at its end, its layers, and tests that no layer sees the future."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import SNAIL, Examples, FitConfig, Task, TaskSpec, evaluate, fit, one_hot
from tokay.algorithms.memory.snail.causal_layers import CausalAttention, CausalDense
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

WAYS = 3


def examples(n: int = 6) -> Examples:
    return Examples(torch.randn(n, 4, dtype=torch.float64), one_hot(torch.arange(n) % WAYS, WAYS))


def network(method: SNAIL | None = None) -> nn.Module:
    method = method or SNAIL(embedding=5, tc_filters=4)
    backbone = nn.Sequential(nn.Linear(4, 6), nn.Tanh())
    return method.build(backbone, TaskSpec(x_shape=(4,), y_dim=WAYS)).double()


def predict_slowly(net: nn.Module, x: Tensor, y: Tensor, query_x: Tensor) -> Tensor:
    """The prediction at the end of the whole sequence, with torch's convolutions and attention."""
    z = torch.cat([net.embedding(net.backbone(torch.cat([x, query_x[None]]))), F.pad(y.double(), (0, 0, 0, 1))], 1)
    for layer in net.blocks:
        if isinstance(layer, CausalAttention):
            q, k, v = (part(z)[None] for part in (layer.query, layer.key, layer.value))
            new_columns = F.scaled_dot_product_attention(q, k, v, is_causal=True)[0]
        else:
            current, previous = layer.convolution.weight.split(z.shape[1], 1)
            padded = F.pad(z.T[None], (layer.dilation, 0))
            kernel = torch.stack([previous, current], -1)
            a, b = F.conv1d(padded, kernel, layer.convolution.bias, dilation=layer.dilation)[0].T.chunk(2, 1)
            new_columns = a.tanh() * b.sigmoid()
        z = torch.cat([z, new_columns], 1)
    return net.head(z[-1])


@pytest.mark.parametrize("n", [0, 1, 2, 6, 11])
def test_each_query_is_the_end_of_one_sequence(n: int) -> None:
    method, net, (x, y), query = SNAIL(), network(), examples(n), examples(4)
    expected = torch.stack([predict_slowly(net, x, y, query_x) for query_x in query.x])
    predictions = method.predict(net, method.adapt(net, Examples(x, y)), query.x)
    torch.testing.assert_close(predictions, expected, rtol=1e-10, atol=1e-12)
    if n == 0:
        torch.testing.assert_close(net(query.x), expected, rtol=1e-10, atol=1e-12)


def test_only_the_queries_count_in_the_loss() -> None:
    method, net, support, query = SNAIL(), network(), examples(), examples(3)
    cost, measured = method.loss(net, Task(support, query))
    logits = torch.stack([predict_slowly(net, *support, query_x) for query_x in query.x])
    torch.testing.assert_close(cost, F.cross_entropy(logits, query.y.int().argmax(1)), rtol=1e-10, atol=1e-12)
    assert measured["loss"] is cost


def test_classes_that_do_not_occur_are_left_out() -> None:
    method, net = SNAIL(), network()
    support, query = (Examples(p.x, one_hot(torch.arange(len(p.x)) % 2 * 2, WAYS)) for p in (examples(), examples(3)))
    with torch.no_grad():
        net.head.bias[1] = 5.0  # would win otherwise
    cost, measured = method.loss(net, Task(support, query))
    logits = torch.stack([predict_slowly(net, *support, query_x) for query_x in query.x])[:, [0, 2]]
    y = query.y[:, 2].long()
    torch.testing.assert_close(cost, F.cross_entropy(logits, y), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(measured["accuracy"], (logits.argmax(1) == y).double().mean())


def test_the_future_changes_nothing() -> None:
    """Later inputs, later labels and the example's own label do not change its prediction."""
    method, net, (x, y) = SNAIL(), network(), examples()
    expected = method.predict_along(net, Examples(x, y))
    for t in range(len(x)):
        later = torch.cat([x[: t + 1], torch.randn_like(x[t + 1 :])])
        labels = torch.cat([y[:t], y[t:].roll(1, 1)])
        predictions = method.predict_along(net, Examples(later, labels))
        torch.testing.assert_close(predictions[: t + 1], expected[: t + 1], rtol=1e-12, atol=1e-12)
        assert t == len(x) - 1 or not torch.allclose(predictions[t + 1 :], expected[t + 1 :])


def test_each_prefix_predicts_as_a_whole_sequence() -> None:
    net, (x, y) = network(), examples()
    expected = torch.stack([predict_slowly(net, x[:t], y[:t], x[t]) for t in range(len(x))])
    torch.testing.assert_close(SNAIL().predict_along(net, Examples(x, y)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("at", [(0,), (6,), (2, 2, 5)])
def test_padding_changes_nothing(at: tuple[int, ...]) -> None:
    method, net, (x, y), query = SNAIL(), network(), examples(), examples(4)
    u, v = x, y
    for place in sorted(at, reverse=True):
        u = torch.cat([u[:place], 9 * torch.randn_like(x[:1]), u[place:]])
        v = torch.cat([v[:place], torch.zeros_like(y[:1]), v[place:]])
    predictions = method.predict(net, method.adapt(net, Examples(u, v)), query.x)
    expected = method.predict(net, method.adapt(net, Examples(x, y)), query.x)
    torch.testing.assert_close(predictions, expected, rtol=1e-12, atol=1e-12)
    support_predictions = method.predict_along(net, Examples(u, v))[v.any(1)]
    torch.testing.assert_close(support_predictions, method.predict_along(net, Examples(x, y)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ways, longest, layers", [(5, None, 5), (20, None, 7), (5, 6, 3)])
def test_the_layers_are_those_of_the_paper(ways: int, longest: int | None, layers: int) -> None:
    """Two stacks of ⌈log2 T⌉ convolutions between three attention layers. Every layer adds columns to its inputs."""
    net = SNAIL(longest=longest).build(nn.Flatten(), TaskSpec(x_shape=(64,), y_dim=ways))
    sizes = [
        (block.query.out_features, block.value.out_features)
        if isinstance(block, CausalAttention)
        else (block.dilation, block.outputs - block.inputs)
        for block in net.blocks
    ]
    convolutions = [(2**i, 128) for i in range(layers)]
    assert sizes == [(64, 32), *convolutions, (256, 128), *convolutions, (512, 256)]
    assert net.embedding.out_features == 64
    assert net.head.in_features == 64 + ways + 32 + 128 + 256 + 2 * layers * 128
    assert isinstance(net.blocks[1], CausalDense)


def test_gradients_at_the_initial_weights() -> None:
    """Every weight has a gradient, the same under vmap as in a loop, and it is the slope of the cost.

    The conformance suite shifts all weights, which saturates layers this wide. So this test uses the initial weights.
    """
    method, net = SNAIL(), network()
    tasks = [Task(examples(), examples(3)) for _ in range(3)]
    support, query = (Examples(*map(torch.stack, zip(*part, strict=True))) for part in zip(*tasks, strict=True))
    batch, gradients = Task(support, query), dict[str, list[Tensor]]()
    for mode in ("vmap", "loop"):
        net.zero_grad()
        accumulate_meta_gradient(method, net, batch, mode=mode)
        gradients[mode] = [p.grad.clone() for p in net.parameters()]
    torch.testing.assert_close(gradients["vmap"], gradients["loop"], rtol=1e-9, atol=1e-12)
    assert all(float(g.abs().max()) > 1e-9 for g in gradients["vmap"])

    def cost(distance: float) -> float:
        with torch.no_grad():
            for p, g in zip(net.parameters(), gradients["vmap"], strict=True):
                p.add_(g, alpha=distance)
            value = float(torch.stack([method.loss(net, task)[0] for task in tasks]).mean())
            for p, g in zip(net.parameters(), gradients["vmap"], strict=True):
                p.sub_(g, alpha=distance)
        return value

    slope = (cost(1e-4) - cost(-1e-4)) / 2e-4
    assert slope == pytest.approx(sum(float(g.square().sum()) for g in gradients["vmap"]), rel=1e-5)


class _Points:
    """Each class is a random point in the plane, with its examples around it."""

    spec = TaskSpec(x_shape=(2,), y_dim=2)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        centres = torch.randn(tasks, 2, 2, generator=generator)

        def part(n: int) -> Examples:
            labels = torch.rand(tasks, 2 * n, generator=generator).argsort(1) % 2
            noise = 0.2 * torch.randn(tasks, 2 * n, 2, generator=generator)
            return Examples(centres.gather(1, labels[..., None].expand(-1, -1, 2)) + noise, one_hot(labels, 2))

        return Task(part(2), part(4))


def test_it_learns_to_compare() -> None:
    """At its own learning rate. The conformance suite uses a rate ten times as large."""
    torch.manual_seed(0)
    method = SNAIL(tc_filters=16)
    net = method.build(nn.Sequential(nn.Linear(2, 16), nn.ReLU()), _Points.spec)
    initial = evaluate(method, net, _Points(), tasks=50, curve=False)["accuracy"].mean
    for _ in fit(method, net, _Points(), FitConfig(steps=80, meta_batch=16, validate_every=0)):
        pass
    trained = evaluate(method, net, _Points(), tasks=50, curve=False)["accuracy"].mean
    assert initial < 0.65
    assert trained > 0.8


def test_settings() -> None:
    published = [recipe.checks[0].published for recipe in SNAIL.recipes]
    assert published == ["99.07 ± 0.16", "99.78 ± 0.09", "97.64 ± 0.30", "99.36 ± 0.18"]
    assert SNAIL.ordered
    with pytest.raises(TypeError, match="its build made"):
        SNAIL().adapt(nn.Identity(), examples())
