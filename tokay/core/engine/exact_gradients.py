"""The mode under which every user's network has right meta-gradients, whatever it is made of.

On torch 2.13, ``vmap`` over tasks of a network with an affine batch, instance or layer norm gives silently wrong
second-order gradients: the batching rule of the fused norm's backward mishandles a weight that differs by task. The
same norms *without* an affine part are right, and so is an explicit scale and shift. ``exact_gradients`` therefore
answers those calls, inside ``over_tasks`` only, with "normalise without affine, then scale and shift"; the user's
modules stay as they are. Fused attention has no second derivative, so its plain formula is chosen instead.

The mode is on in the loop as well as under ``vmap``, so that the two differ in nothing but the mapping.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from ...errors import NetworkError


def _per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """[c] -> [c, 1, ...], to broadcast against ``x`` [n, c, ...]."""
    return parameter.reshape(-1, *(1,) * (x.ndim - 2))


def _scale_shift(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _no_running_statistics(norm: str, running_mean: Tensor | None, batch_statistics: bool) -> None:
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
    _no_running_statistics("BatchNorm", running_mean, training)
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
    _no_running_statistics("InstanceNorm", running_mean, use_input_stats)
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
    """A convolution of plain tensors on a CPU goes twice as fast, with all that follows, when channels come last.

    Inside ``vmap`` and ``grad`` tensors are wrapped, and what is fastest there is left to torch.
    """
    plain = not (is_functorch_wrapped_tensor(input) or is_functorch_wrapped_tensor(weight))
    if plain and input.ndim == 4 and input.device.type == "cpu":
        input = input.contiguous(memory_format=torch.channels_last)
    return F.conv2d(input, weight, *args, **kwargs)


_answers: dict[Any, Callable[..., Any]] = {
    F.batch_norm: _batch_norm,
    F.instance_norm: _instance_norm,
    F.layer_norm: _layer_norm,
    F.conv2d: _conv2d,
    # Modules that skip torch.nn.functional call these, which order the same arguments differently.
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


class _Exact(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # Torch leaves the mode while this runs, so the calls inside an answer are the ordinary ones.
        return _answers.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def exact_gradients() -> Iterator[None]:
    """Inside, first and second derivatives are right for every norm and for attention, under ``vmap`` and without.

    ``over_tasks`` enters it; a caller who maps over tasks by hand should too. It is re-entrant and touches no module.
    """
    # Transformer layers skip torch.nn.functional for a fused kernel in eval mode; it has neither vmap rule nor gradient.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), _Exact():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
