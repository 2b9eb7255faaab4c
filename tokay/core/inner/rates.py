"""Learned inner learning rates."""

from torch import nn

from ..network import require_network
from .descent import Params
from .wrapper import PerParameterWrapper


class WithRates(PerParameterWrapper):
    """``net``, and one tensor of learning rates per trainable parameter. ``start(parameter)`` gives the initial rates.

    >>> import torch
    >>> net = WithRates(nn.Linear(2, 1), lambda p: torch.full_like(p, 0.1))
    >>> {name: tuple(rate.shape) for name, rate in split_rates(net)[1].items()}
    {'weight': (1, 2), 'bias': (1,)}
    """


def split_rates(net: nn.Module) -> tuple[nn.Module, Params]:
    """Returns the inner network of a ``WithRates``, and its rates by parameter name.

    Raises TypeError if ``net`` is not a ``WithRates``.
    """
    wrapper = require_network(WithRates, net, "split_rates: takes a network with rates beside it")
    return wrapper.net, wrapper.by_name()
