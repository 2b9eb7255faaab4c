"""Causal layers against torch's convolution and attention, and what no causal layer may see."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tokay.algorithms.memory.snail.causal_layers import CausalAttention, CausalDense, temporal_convolutions

N, C = 7, 3
Layer = CausalDense | CausalAttention


def layers() -> dict[str, Layer]:
    dense = {f"dilation {d}": CausalDense(C, 4, dilation=d) for d in (1, 2, 4, 8)}
    return {**dense, "attention": CausalAttention(C, keys=5, values=4)}


each_layer = pytest.mark.parametrize("name", list(layers()))


def made(name: str) -> Layer:
    torch.manual_seed(1)
    return layers()[name].double()


def inputs(n: int = N) -> Tensor:
    return torch.randn(n, C, dtype=torch.float64)


def whole(n: int = N) -> Tensor:
    return torch.ones(n, dtype=torch.bool)


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_the_convolution_is_that_of_torch(dilation: int) -> None:
    layer, x = CausalDense(C, 4, dilation=dilation).double(), inputs()
    now, before = layer.convolution.weight.split(C, 1)
    kernel = torch.stack([before, now], -1)  # [filters, channels, 2]
    padded = F.pad(x.T[None], (dilation, 0))
    a, b = F.conv1d(padded, kernel, layer.convolution.bias, dilation=dilation)[0].T.chunk(2, 1)
    expected = torch.cat([x, a.tanh() * b.sigmoid()], 1)
    torch.testing.assert_close(layer(x, whole()), expected, rtol=1e-12, atol=1e-12)


def test_attention_is_that_of_torch() -> None:
    layer, x = CausalAttention(C, keys=5, values=4).double(), inputs()
    q, k, v = (part(x)[None] for part in (layer.query, layer.key, layer.value))
    expected = torch.cat([x, F.scaled_dot_product_attention(q, k, v, is_causal=True)[0]], 1)
    torch.testing.assert_close(layer(x, whole()), expected, rtol=1e-12, atol=1e-12)


@each_layer
def test_the_future_changes_nothing(name: str) -> None:
    layer, x = made(name), inputs()
    before = layer(x, whole())
    for t in range(N):
        changed = torch.cat([x[: t + 1], 5 * inputs(N - t - 1)])
        torch.testing.assert_close(layer(changed, whole())[: t + 1], before[: t + 1], rtol=1e-12, atol=1e-12)
        other = torch.cat([x[:t], inputs(1), x[t + 1 :]])
        assert not torch.allclose(layer(other, whole())[t], before[t])


@each_layer
@pytest.mark.parametrize("n", [0, 1, 3, N])
def test_after_is_the_position_behind(name: str, n: int) -> None:
    """For each of several at once, and after nothing at all."""
    layer, past, now = made(name), inputs(n), inputs(4)
    expected = torch.stack([layer(torch.cat([past, x[None]]), whole(n + 1))[-1] for x in now])
    torch.testing.assert_close(layer.after(past, whole(n), now), expected, rtol=1e-12, atol=1e-12)


@each_layer
def test_what_is_not_real_lies_before_the_beginning(name: str) -> None:
    layer, x, now = made(name), inputs(), inputs(2)
    padded = torch.cat([torch.zeros(3, C, dtype=torch.float64), x])
    real = torch.cat([~whole(3), whole()])
    found = layer(padded, real)
    assert not bool(found[:3].any())
    torch.testing.assert_close(found[3:], layer(x, whole()), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.after(padded, real, now), layer.after(x, whole(), now), rtol=1e-12, atol=1e-12)


@each_layer
def test_inputs_stay_in_front(name: str) -> None:
    layer, x = made(name), inputs()
    assert layer(x, whole()).shape == (N, layer.outputs)
    assert torch.equal(layer(x, whole())[:, :C], x)
    assert torch.equal(layer.after(x, whole(), x)[:, :C], x)


@pytest.mark.parametrize("length, count", [(1, 1), (2, 1), (6, 3), (8, 3), (9, 4), (26, 5), (101, 7)])
def test_the_convolutions_look_back_over_all(length: int, count: int) -> None:
    """The last of ``length`` positions depends on the first, and on every one between."""
    stack = [layer.double() for layer in temporal_convolutions(C, 4, length=length)]
    assert [layer.dilation for layer in stack] == [2**i for i in range(count)]
    x = inputs(length).requires_grad_()
    z = x
    for layer in stack:
        z = layer(z, whole(length))
    assert z.shape == (length, C + 4 * count)
    (gradient,) = torch.autograd.grad(z[-1].sum(), x)
    assert bool((gradient.abs().sum(1) > 0).all())
