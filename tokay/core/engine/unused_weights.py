"""Weights that training would never move, named: dead code in a network is a mistake that nobody sees."""

import torch
from torch import Tensor, nn

from ...errors import NetworkError
from ..inner.wrapper import Beside


def check_used(net: nn.Module, x: Tensor, *, where: str) -> None:
    """Refuse a network with trainable weights that the meta-gradient just accumulated does not reach.

    A weight without any gradient is not used. One whose gradient is exactly zero may be (behind a head that is still
    blank), so the network is asked whether its answer to ``x`` ``[n, *x_shape]`` depends on it at all.
    """
    trainable = {name: p for name, p in net.named_parameters() if p.requires_grad}
    unused = [name for name, p in trainable.items() if p.grad is None]
    still = {name: p for name, p in trainable.items() if p.grad is not None and not bool(p.grad.any())}
    # What stands beside a network is used by its inner loop, whatever the gradient.
    inside = net.net if isinstance(net, Beside) else net
    own = {id(p) for p in inside.parameters()}
    still = {name: p for name, p in still.items() if id(p) in own}
    if still:
        unused += _not_in_the_graph(inside, still, x)
    if unused:
        shown = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if len(unused) > 5 else "")
        raise NetworkError(
            f"{where}: every trainable weight must play a part in the answer, {shown} {_verb(unused)} not. "
            "Use it in forward, remove it, or freeze it with requires_grad_(False)."
        )


def _verb(names: list[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _not_in_the_graph(net: nn.Module, weights: dict[str, nn.Parameter], x: Tensor) -> list[str]:
    """Those of ``weights`` that the answer to ``x`` does not depend on; none where ``net`` is no plain function of x."""
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            output = net(x)
    except NotImplementedError:  # a container of parts, which its method calls one by one
        return []
    found = torch.autograd.grad(output.sum(), list(weights.values()), allow_unused=True)
    return [name for name, gradient in zip(weights, found, strict=True) if gradient is None]
