"""``exact_gradients`` makes meta-gradients correct for networks with norm layers and attention.

With torch 2.13, ``vmap`` over tasks gives wrong second-order gradients, without a warning, for affine batch, instance
and layer norms: the batching rule of the fused backward pass is wrong if the weight differs by task. Norms *without*
an affine part are correct, and so are an explicit scale and shift. Inside ``exact_gradients``, a norm therefore first
normalises without the affine part, then scales and shifts. The user's modules do not change. Fused attention has no
second derivative, so its plain formula is used.

``over_tasks`` uses this mode with ``vmap`` and with ``loop``, so that both compute the same.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from ...errors import NetworkError
from .recurrent_cells import CELLS


def _per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """Reshape [c] to [c, 1, ...], so that it broadcasts against ``x`` [n, c, ...]."""
    return parameter.reshape(-1, *(1,) * (x.ndim - 2))


def _scale_shift(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _check_no_running_statistics(norm: str, running_mean: Tensor | None, batch_statistics: bool) -> None:
    if batch_statistics and running_mean is not None:
        raise NetworkError(
            f"{norm}: running statistics would carry one task's data into the next, got a layer that updates them. "
            "Build it with track_running_stats=False, or convert the network with tokay.networks.batch_statistics(net)."
        )


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    _check_no_running_statistics("BatchNorm", running_mean, training)
    x = F.batch_norm(input, running_mean, running_var, None, None, training, momentum, eps)
    return _scale_shift(
        x, None if weight is None else _per_channel(weight, x), None if bias is None else _per_channel(bias, x)
    )


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    _check_no_running_statistics("InstanceNorm", running_mean, use_input_stats)
    x = F.instance_norm(input, running_mean, running_var, None, None, use_input_stats, momentum, eps)
    return _scale_shift(
        x, None if weight is None else _per_channel(weight, x), None if bias is None else _per_channel(bias, x)
    )


def _layer_norm(
    input: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    return _scale_shift(F.layer_norm(input, normalized_shape, None, None, eps), weight, bias)


def _conv2d(input: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Convolve with channels last on a CPU, which is about twice as fast for plain tensors.

    Inside ``vmap`` and ``grad`` tensors are wrapped; there, torch chooses the memory format.
    """
    plain = not (is_functorch_wrapped_tensor(input) or is_functorch_wrapped_tensor(weight))
    if plain and input.ndim == 4 and input.device.type == "cpu":
        input = input.contiguous(memory_format=torch.channels_last)
    return F.conv2d(input, weight, *args, **kwargs)


_replacements: dict[Any, Callable[..., Any]] = {
    F.batch_norm: _batch_norm,
    F.instance_norm: _instance_norm,
    F.layer_norm: _layer_norm,
    F.conv2d: _conv2d,
    **CELLS,
    # Some modules call these instead of torch.nn.functional. Their arguments have another order.
    torch.batch_norm: lambda input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled: (
        _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    ),
    torch.instance_norm: (
        lambda input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled: (
            _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
        )
    ),
    torch.layer_norm: lambda input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True: _layer_norm(
        input, normalized_shape, weight, bias, eps
    ),
}


class _ExactMode(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # Torch disables the mode while this runs, so a replacement calls the original functions.
        return _replacements.get(func, func)(*args, **(kwargs or {}))


class _PlainAttention:
    """Attention by its plain formula, while any thread is inside.

    The switches are those of the whole process, so the first thread that enters sets them and the last one restores.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.switches = ExitStack()

    def enter(self) -> None:
        with self.lock:
            if self.inside == 0:
                # In eval mode, transformer layers use a fused kernel that has no vmap rule and no gradient.
                fast_path = torch.backends.mha.get_fastpath_enabled()
                self.switches.callback(torch.backends.mha.set_fastpath_enabled, fast_path)
                torch.backends.mha.set_fastpath_enabled(False)
                self.switches.enter_context(sdpa_kernel(SDPBackend.MATH))
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.switches.close()


_plain_attention = _PlainAttention()


@contextmanager
def exact_gradients() -> Iterator[None]:
    """Make first and second derivatives correct for every norm and for attention, with and without ``vmap``.

    ``over_tasks`` uses it. Use it yourself if you map over tasks without ``over_tasks``. It can be nested, and it
    changes no module.
    """
    _plain_attention.enter()
    try:
        with _ExactMode():
            yield
    finally:
        _plain_attention.leave()
