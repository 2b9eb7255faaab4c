"""Inner learning rates: MAML's, and those that are learned as meta-weights beside those of the network."""

from torch import nn

from ..task import Kind
from .descent import Params
from .wrapper import BesideEach, built_as

# The published rates on Omniglot are for a loss that is summed over classes; for our mean they are `ways` times larger:
# 0.4 x 5 ways and 0.1 x 20 ways are both 2.0 (miniImageNet's 0.01 x 5 would be 0.05). Sinusoids: 0.01 in the text.
MAMLS_RATE: dict[Kind, float] = {"classification": 2.0, "regression": 0.01}


class WithRates(BesideEach):
    """``net``, and a tensor of rates for each of its trainable parameters, started by ``start`` from that parameter.

    >>> import torch
    >>> net = WithRates(nn.Linear(2, 1), lambda p: torch.full_like(p, 0.1))
    >>> {name: tuple(rate.shape) for name, rate in split_rates(net)[1].items()}
    {'weight': (1, 2), 'bias': (1,)}
    """


def split_rates(net: nn.Module) -> tuple[nn.Module, Params]:
    """The network itself, and its rates by the name of the parameter they are for. ``net`` is a ``WithRates``."""
    both = built_as(WithRates, net, "split_rates: takes a network with rates beside it")
    return both.net, both.by_name()
