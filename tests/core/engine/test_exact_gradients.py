"""Compares meta-gradients of networks with norms and attention with plain torch and with finite differences."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tokay import MAML, Examples, NetworkError, Task, over_tasks
from tokay.core.engine.exact_gradients import exact_gradients

TASKS, POINTS = 3, 6
PICTURE, VECTOR = (2, 4, 4), (12,)


class BatchNormByHand(nn.BatchNorm2d):
    """Calls ``torch.batch_norm`` instead of ``torch.nn.functional``."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.batch_norm(x, self.weight, self.bias, None, None, True, 0.1, self.eps, False)


class InstanceNormByHand(nn.InstanceNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.1, self.eps, False)


class LayerNormByHand(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return torch.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class BatchNormNamed(nn.BatchNorm2d):
    """Calls ``batch_norm`` with keyword arguments."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(
            input=x,
            running_mean=None,
            running_var=None,
            weight=self.weight,
            bias=self.bias,
            training=True,
            eps=self.eps,
        )


class Tokens(nn.Module):
    """A transformer that reads an input of 12 numbers as two tokens of 6. It has a smooth activation and no dropout."""

    def __init__(self, *, training: bool, norm_first: bool = False) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            6, 2, 8, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
        ).train(training)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.reshape(-1, 2, 6)).flatten(1)


def _conv(norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3), norm, nn.Tanh(), nn.Flatten(), nn.Linear(16, 2))


def _dense(norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(12, 5), norm, nn.Tanh(), nn.Linear(5, 2))


NETS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "BatchNorm2d": (PICTURE, lambda: _conv(nn.BatchNorm2d(4, track_running_stats=False))),
    "BatchNorm1d": (VECTOR, lambda: _dense(nn.BatchNorm1d(5, track_running_stats=False))),
    "BatchNorm2d, frozen statistics": (PICTURE, lambda: _conv(nn.BatchNorm2d(4)).eval()),
    "BatchNorm2d, not affine": (PICTURE, lambda: _conv(nn.BatchNorm2d(4, affine=False, track_running_stats=False))),
    "InstanceNorm2d": (PICTURE, lambda: _conv(nn.InstanceNorm2d(4, affine=True))),
    "LayerNorm": (VECTOR, lambda: _dense(nn.LayerNorm(5))),
    "LayerNorm, no bias": (VECTOR, lambda: _dense(nn.LayerNorm(5, bias=False))),
    "LayerNorm of pictures": (PICTURE, lambda: _conv(nn.LayerNorm([4, 2, 2]))),
    "BatchNorm2d, large eps": (PICTURE, lambda: _conv(nn.BatchNorm2d(4, eps=0.3, track_running_stats=False))),
    "InstanceNorm2d, large eps": (PICTURE, lambda: _conv(nn.InstanceNorm2d(4, eps=0.3, affine=True))),
    "LayerNorm, large eps": (VECTOR, lambda: _dense(nn.LayerNorm(5, eps=0.3))),
    "torch.batch_norm, large eps": (PICTURE, lambda: _conv(BatchNormByHand(4, eps=0.3, track_running_stats=False))),
    "torch.instance_norm, large eps": (PICTURE, lambda: _conv(InstanceNormByHand(4, eps=0.3, affine=True))),
    "torch.layer_norm, large eps": (VECTOR, lambda: _dense(LayerNormByHand(5, eps=0.3))),
    "GroupNorm": (PICTURE, lambda: _conv(nn.GroupNorm(2, 4))),
    "RMSNorm": (VECTOR, lambda: _dense(nn.RMSNorm(5))),
    "torch.batch_norm": (PICTURE, lambda: _conv(BatchNormByHand(4, track_running_stats=False))),
    "torch.instance_norm": (PICTURE, lambda: _conv(InstanceNormByHand(4, affine=True))),
    "torch.layer_norm": (VECTOR, lambda: _dense(LayerNormByHand(5))),
    "F.batch_norm by name": (PICTURE, lambda: _conv(BatchNormNamed(4, track_running_stats=False))),
    "transformer, training": (VECTOR, lambda: nn.Sequential(Tokens(training=True), nn.Linear(12, 2))),
    "transformer, eval": (VECTOR, lambda: nn.Sequential(Tokens(training=False), nn.Linear(12, 2))),
    "transformer, norm first": (
        VECTOR,
        lambda: nn.Sequential(Tokens(training=True, norm_first=True), nn.Linear(12, 2)),
    ),
}


def build(name: str) -> tuple[nn.Module, Task]:
    """Return a network without special weights (such as 0 or 1), and tasks for it."""
    shape, make = NETS[name]
    net = make().double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
    x, y = (torch.randn(2, TASKS, POINTS, *s, dtype=torch.float64) for s in (shape, (2,)))
    return net, Task(Examples(x[0], y[0]), Examples(x[1], y[1]))


def ours(net: nn.Module, tasks: Task, mode: Literal["vmap", "loop"]) -> Tensor:
    maml = MAML(inner_lr=0.2, inner_steps=2)
    return over_tasks(lambda task: maml.loss(net, task)[0], tasks, mode=mode).mean()


def plain(net: nn.Module, tasks: Task) -> Tensor:
    """Compute the cost of MAML with two inner steps in a Python loop, with torch only."""
    names, params = zip(*net.named_parameters(), strict=True)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(TASKS):
        fast = list(params)
        for _ in range(2):
            out = torch.func.functional_call(net, dict(zip(names, fast, strict=True)), (tasks.support.x[i],))
            inner = (out - tasks.support.y[i]).square().mean()
            gradients = torch.autograd.grad(inner, fast, create_graph=True)
            fast = [p - 0.2 * g for p, g in zip(fast, gradients, strict=True)]
        out = torch.func.functional_call(net, dict(zip(names, fast, strict=True)), (tasks.query.x[i],))
        total = total + (out - tasks.query.y[i]).square().mean() / TASKS
    return total


@contextmanager
def plain_attention() -> Iterator[None]:
    """Compute attention by its formula, because the fused kernels have no second derivative."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with sdpa_kernel(SDPBackend.MATH):
        yield
    torch.backends.mha.set_fastpath_enabled(fast_path)


def gradients(cost: Tensor, net: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(cost, list(net.parameters())))


def error(a: list[Tensor], b: list[Tensor]) -> float:
    """Return the relative error of ``a``, in the Euclidean norm."""
    total = sum(float(q.square().sum()) for q in b)
    return float((sum(float((p - q).square().sum()) for p, q in zip(a, b, strict=True)) / total) ** 0.5)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("name", NETS)
def test_meta_gradient_equals_plain_torch(name: str, mode: Literal["vmap", "loop"]) -> None:
    net, tasks = build(name)
    with plain_attention():
        expected_cost = plain(net, tasks)
        expected = gradients(expected_cost, net)
    cost = ours(net, tasks, mode)
    torch.testing.assert_close(cost, expected_cost, rtol=1e-12, atol=1e-12)
    assert error(gradients(cost, net), expected) < 1e-10


@pytest.mark.parametrize("name", NETS)
def test_meta_gradient_against_finite_differences(name: str) -> None:
    net, tasks = build(name)
    direction = [torch.randn_like(p) for p in net.parameters()]

    def cost(distance: float) -> float:
        with torch.no_grad(), plain_attention():
            for p, d in zip(net.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
        with plain_attention():
            value = float(plain(net, tasks).detach())
        with torch.no_grad():
            for p, d in zip(net.parameters(), direction, strict=True):
                p.sub_(d, alpha=distance)
        return value

    width = 1e-4
    difference = (8 * (cost(width) - cost(-width)) - (cost(2 * width) - cost(-2 * width))) / (12 * width)
    for mode in ("vmap", "loop"):
        meta_gradient = gradients(ours(net, tasks, mode), net)
        assert float(sum((g * d).sum() for g, d in zip(meta_gradient, direction, strict=True))) == pytest.approx(
            difference, rel=1e-7
        )


def test_torch_alone_is_still_wrong() -> None:
    """The reason for the mode. If this test fails, torch has repaired its batching rule."""
    net, tasks = build("BatchNorm2d")
    maml = MAML(inner_lr=0.2, inner_steps=2)
    cost = torch.func.vmap(lambda task: maml.loss(net, task)[0])(tasks).mean()
    wrong = error(gradients(cost, net), gradients(plain(net, tasks), net))
    assert wrong > 1e-4, (
        f"vmap alone is correct now ({wrong:.1e}): remove the norms in tokay/core/engine/exact_gradients.py"
    )


@pytest.mark.parametrize("name", NETS)
def test_values_and_first_derivatives_equal_torch(name: str) -> None:
    net, tasks = build(name)
    x = tasks.query.x[0].requires_grad_()
    with plain_attention():
        expected = net(x)
        by_x = torch.autograd.grad(expected.square().sum(), x)[0]
    with exact_gradients():
        output = net(x)
        output_by_x = torch.autograd.grad(output.square().sum(), x)[0]
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(output_by_x, by_x, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        partial(nn.Conv2d, 2, 3, 3),
        partial(nn.Conv2d, 2, 4, 3, stride=2, padding=1, groups=2, bias=False),
        partial(nn.Conv2d, 2, 3, 3, padding="same", dilation=2),
    ],
)
def test_convolutions_equal_torch(layer: Callable[[], nn.Conv2d], channels_last: bool) -> None:
    conv, x = layer().double(), torch.randn(5, 2, 7, 7, dtype=torch.float64)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    one = torch.randn(2, 7, 7, dtype=torch.float64)  # one picture, without an example axis
    expected, expected_one = conv(x), conv(one)
    with exact_gradients():
        torch.testing.assert_close(conv(x), expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(conv(one), expected_one, rtol=1e-12, atol=1e-12)
        weight = torch.randn(TASKS, *conv.weight.shape, dtype=torch.float64)
        params = {
            "weight": weight,
            **({} if conv.bias is None else {"bias": torch.randn(TASKS, len(conv.bias)).double()}),
        }
        mapped = torch.func.vmap(lambda p: torch.func.functional_call(conv, p, (x,)))(params)
    for i in range(TASKS):
        task_params = {name: p[i] for name, p in params.items()}
        torch.testing.assert_close(
            mapped[i], torch.func.functional_call(conv, task_params, (x,)), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(
    "norm, x",
    [
        (nn.BatchNorm1d(3), torch.randn(4, 3)),
        (nn.BatchNorm2d(3), torch.randn(4, 3, 2, 2)),
        (nn.InstanceNorm2d(3, affine=True, track_running_stats=True), torch.randn(4, 3, 2, 2)),
    ],
)
def test_running_statistics_are_refused(norm: nn.Module, x: Tensor) -> None:
    message = rf"^{type(norm).__name__[:-2]}: running statistics would .* tokay.networks.batch_statistics\(net\)"
    with exact_gradients():
        with pytest.raises(NetworkError, match=message):
            norm(x)
        norm.eval()
        frozen = norm(x)
    torch.testing.assert_close(frozen, norm(x))


def _state() -> tuple[Any, ...]:
    return (
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
        len(torch.overrides._get_current_function_mode_stack()),
    )


@pytest.mark.parametrize("enabled", [True, False])
def test_all_settings_are_restored(enabled: bool) -> None:
    usual = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        initial = _state()
        with exact_gradients():
            assert _state() != initial
            with exact_gradients():
                pass
            assert not torch.backends.mha.get_fastpath_enabled()
        assert _state() == initial
        with pytest.raises(KeyError), exact_gradients():
            raise KeyError
        assert _state() == initial
        x = torch.zeros(2, 2, 2)
        with pytest.raises(ZeroDivisionError):
            over_tasks(lambda task: task.support.x * (1 // 0), Task(Examples(x, x), Examples(x, x)))
        assert _state() == initial
    finally:
        torch.backends.mha.set_fastpath_enabled(usual)


def test_nested_modes_change_nothing() -> None:
    net, tasks = build("BatchNorm2d")
    expected = gradients(ours(net, tasks, "vmap"), net)
    with exact_gradients():
        assert error(gradients(ours(net, tasks, "vmap"), net), expected) < 1e-14


def test_threads_that_overlap_restore_the_switches_of_the_process() -> None:
    """The first that enters leaves first. What it restores must not reach the second, nor stay."""
    initial = torch.backends.mha.get_fastpath_enabled(), torch.backends.cuda.flash_sdp_enabled()
    first, second = exact_gradients(), exact_gradients()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        one.submit(first.__enter__).result()
        two.submit(second.__enter__).result()
        one.submit(first.__exit__, None, None, None).result()
        assert not torch.backends.mha.get_fastpath_enabled()
        assert not torch.backends.cuda.flash_sdp_enabled()
        two.submit(second.__exit__, None, None, None).result()
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.cuda.flash_sdp_enabled()) == initial
