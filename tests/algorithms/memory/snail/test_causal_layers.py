"""Causal layers against torch's convolution and attention, and tests that no layer sees the future."""

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


def build(name: str) -> Layer:
    torch.manual_seed(1)
    return layers()[name].double()


def inputs(n: int = N) -> Tensor:
    return torch.randn(n, C, dtype=torch.float64)


def no_padding(n: int = N) -> Tensor:
    return torch.ones(n, dtype=torch.bool)


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_the_convolution_is_that_of_torch(dilation: int) -> None:
    layer, x = CausalDense(C, 4, dilation=dilation).double(), inputs()
    current, previous = layer.convolution.weight.split(C, 1)
    kernel = torch.stack([previous, current], -1)  # [filters, channels, 2]
    padded = F.pad(x.T[None], (dilation, 0))
    a, b = F.conv1d(padded, kernel, layer.convolution.bias, dilation=dilation)[0].T.chunk(2, 1)
    expected = torch.cat([x, a.tanh() * b.sigmoid()], 1)
    torch.testing.assert_close(layer(x, no_padding()), expected, rtol=1e-12, atol=1e-12)


def test_attention_is_that_of_torch() -> None:
    layer, x = CausalAttention(C, keys=5, values=4).double(), inputs()
    q, k, v = (part(x)[None] for part in (layer.query, layer.key, layer.value))
    expected = torch.cat([x, F.scaled_dot_product_attention(q, k, v, is_causal=True)[0]], 1)
    torch.testing.assert_close(layer(x, no_padding()), expected, rtol=1e-12, atol=1e-12)


@each_layer
def test_the_future_changes_nothing(name: str) -> None:
    layer, x = build(name), inputs()
    expected = layer(x, no_padding())
    for t in range(N):
        changed = torch.cat([x[: t + 1], 5 * inputs(N - t - 1)])
        torch.testing.assert_close(layer(changed, no_padding())[: t + 1], expected[: t + 1], rtol=1e-12, atol=1e-12)
        other = torch.cat([x[:t], inputs(1), x[t + 1 :]])
        assert not torch.allclose(layer(other, no_padding())[t], expected[t])


@each_layer
@pytest.mark.parametrize("n", [0, 1, 3, N])
def test_step_is_the_next_position(name: str, n: int) -> None:
    """For several inputs at once, and also after an empty past."""
    layer, past, new_inputs = build(name), inputs(n), inputs(4)
    expected = torch.stack([layer(torch.cat([past, x[None]]), no_padding(n + 1))[-1] for x in new_inputs])
    torch.testing.assert_close(layer.step(past, no_padding(n), new_inputs), expected, rtol=1e-12, atol=1e-12)


@each_layer
def test_padding_equals_the_space_before_a_sequence(name: str) -> None:
    layer, x, new_inputs = build(name), inputs(), inputs(2)
    padded = torch.cat([torch.zeros(3, C, dtype=torch.float64), x])
    real = torch.cat([~no_padding(3), no_padding()])
    output = layer(padded, real)
    assert not bool(output[:3].any())
    torch.testing.assert_close(output[3:], layer(x, no_padding()), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        layer.step(padded, real, new_inputs), layer.step(x, no_padding(), new_inputs), rtol=1e-12, atol=1e-12
    )


@each_layer
def test_inputs_are_the_first_columns(name: str) -> None:
    layer, x = build(name), inputs()
    assert layer(x, no_padding()).shape == (N, layer.outputs)
    assert torch.equal(layer(x, no_padding())[:, :C], x)
    assert torch.equal(layer.step(x, no_padding(), x)[:, :C], x)


@pytest.mark.parametrize("length, count", [(1, 1), (2, 1), (6, 3), (8, 3), (9, 4), (26, 5), (101, 7)])
def test_the_convolutions_cover_the_length(length: int, count: int) -> None:
    """The last of ``length`` positions depends on every position."""
    stack = [layer.double() for layer in temporal_convolutions(C, 4, length=length)]
    assert [layer.dilation for layer in stack] == [2**i for i in range(count)]
    x = inputs(length).requires_grad_()
    z = x
    for layer in stack:
        z = layer(z, no_padding(length))
    assert z.shape == (length, C + 4 * count)
    (gradient,) = torch.autograd.grad(z[-1].sum(), x)
    assert bool((gradient.abs().sum(1) > 0).all())
