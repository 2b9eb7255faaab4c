"""Second moments as meta-weights: the values that the inner Adam starts from in every task."""

import torch
from torch import Tensor, nn

from ....core.inner.descent import Moments
from ....core.inner.wrapper import Wrapper


class WithMoments(Wrapper):
    """Wraps ``net`` and adds Adam's initial second moment for each of its parameters.

    The moments are parameters: the outer optimizer trains them, and checkpoints store them. All moments and ``seen``
    start at zero, which is the usual Adam.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.second = nn.ParameterList(torch.zeros_like(p) for p in net.parameters())
        self.seen = nn.Parameter(torch.zeros(()))


def split_moments(net: nn.Module) -> tuple[nn.Module, Moments]:
    """Returns the inner network and the initial moments; zero moments if ``net`` is not a ``WithMoments``."""
    if not isinstance(net, WithMoments):
        return net, Moments()
    names = [name for name, _ in net.net.named_parameters()]
    return net.net, Moments(second=dict(zip(names, net.second, strict=True)), second_weight=net.seen)


def not_negative(moments: Moments) -> Moments:
    """Clamps the moments at zero, because an outer optimizer that overshoots can make them negative."""
    second = {name: v.clamp_min(0) for name, v in moments.second.items()}
    weight = moments.second_weight
    weight = weight.clamp_min(0) if isinstance(weight, Tensor) else weight
    return moments._replace(second=second, second_weight=weight)
