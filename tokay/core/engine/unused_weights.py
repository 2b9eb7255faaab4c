"""Finds weights that training never changes. They are usually a mistake in the network's ``forward``."""

import torch
from torch import Tensor, nn

from ...errors import NetworkError
from ..inner.wrapper import Wrapper


def check_no_unused_weights(net: nn.Module, x: Tensor, *, where: str) -> None:
    """Raise ``NetworkError`` if a trainable weight does not affect the output. Call it after the first backward pass.

    A weight without a gradient is unused. A weight with a gradient of exactly zero may be used: a head of zeros, for
    example, blocks the gradient to the layers before it. For those weights, the network runs on ``x`` ``[n, *x_shape]``
    and autograd says if the output depends on them.
    """
    trainable = {name: p for name, p in net.named_parameters() if p.requires_grad}
    unused = [name for name, p in trainable.items() if p.grad is None]
    zero_grad = {name: p for name, p in trainable.items() if p.grad is not None and not bool(p.grad.any())}
    # The inner loop uses the additional weights of a wrapper, even if their gradient is zero.
    inner_net = net.net if isinstance(net, Wrapper) else net
    inner_ids = {id(p) for p in inner_net.parameters()}
    zero_grad = {name: p for name, p in zero_grad.items() if id(p) in inner_ids}
    if zero_grad:
        unused += _not_in_the_graph(inner_net, zero_grad, x)
    if unused:
        names = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if len(unused) > 5 else "")
        raise NetworkError(
            f"{where}: every trainable weight must affect the output, {names} {_verb(unused)} not. "
            "Use it in forward, remove it, or freeze it with requires_grad_(False)."
        )


def _verb(names: list[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _not_in_the_graph(net: nn.Module, weights: dict[str, nn.Parameter], x: Tensor) -> list[str]:
    """Return the names of the weights that ``net(x)`` does not depend on; none if ``net`` has no ``forward``."""
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            output = net(x)
    except NotImplementedError:  # a container: the method calls its parts one by one
        return []
    gradients = torch.autograd.grad(output.sum(), list(weights.values()), allow_unused=True)
    return [name for name, gradient in zip(weights, gradients, strict=True) if gradient is None]
