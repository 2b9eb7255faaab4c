"""Second moments that an inner Adam starts from in every task, kept as meta-weights beside those of the network."""

import torch
from torch import Tensor, nn

from ....core.inner.descent import Moments
from ....core.inner.wrapper import Beside


class WithMoments(Beside):
    """``net``, and Adam's second moment for each of its parameters.

    The moments are parameters, so the outer optimizer moves them and checkpoints hold them. They begin at zero with
    ``seen`` zero, which is the Adam that everybody knows.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.second = nn.ParameterList(torch.zeros_like(p) for p in net.parameters())
        self.seen = nn.Parameter(torch.zeros(()))


def split_moments(net: nn.Module) -> tuple[nn.Module, Moments]:
    """The network itself and the moments to start from: zero for a network that has none with it."""
    if not isinstance(net, WithMoments):
        return net, Moments()
    names = [name for name, _ in net.net.named_parameters()]
    return net.net, Moments(second=dict(zip(names, net.second, strict=True)), seen=net.seen)


def not_negative(moments: Moments) -> Moments:
    """Averages of squares as they can be: an outer optimizer that overshoots may have taken them below zero."""
    second = {name: v.clamp_min(0) for name, v in moments.second.items()}
    seen = moments.seen.clamp_min(0) if isinstance(moments.seen, Tensor) else moments.seen
    return moments._replace(second=second, seen=seen)
