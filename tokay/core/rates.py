"""Inner learning rates that are learned: meta-weights beside those of the network."""

from collections.abc import Callable

from torch import Tensor, nn

from .beside import Beside
from .inner import Params, trainable


class WithRates(Beside):
    """``net``, and a tensor of rates for each of its trainable parameters, started by ``start`` from that parameter.

    >>> import torch
    >>> net = WithRates(nn.Linear(2, 1), lambda p: torch.full_like(p, 0.1))
    >>> {name: tuple(rate.shape) for name, rate in split_rates(net)[1].items()}
    {'weight': (1, 2), 'bias': (1,)}
    """

    def __init__(self, net: nn.Module, start: Callable[[Tensor], Tensor]) -> None:
        super().__init__(net)
        self.names = tuple(trainable(net))
        self.rates = nn.ParameterList(start(p.detach()) for p in trainable(net).values())


def split_rates(net: nn.Module) -> tuple[nn.Module, Params]:
    """The network itself, and its rates by the name of the parameter they are for. ``net`` is a ``WithRates``."""
    if not isinstance(net, WithRates):
        raise TypeError(f"split_rates: takes a network with rates beside it, got {type(net).__name__}.")
    return net.net, dict(zip(net.names, net.rates, strict=True))
