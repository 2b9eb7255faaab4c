"""Inner learning rates: the fixed ones of MAML, and learned ones."""

from torch import nn

from ..network import require_network
from ..task import Kind
from .descent import Params
from .wrapper import PerParameterWrapper

# MAML's Omniglot rates are for a loss that is summed over classes. Our loss is a mean, so our rate is `ways` times larger:
# 0.4 x 5 ways and 0.1 x 20 ways both give 2.0. (miniImageNet: 0.01 x 5 = 0.05.) For sinusoids the paper's text says 0.01.
MAMLS_RATE: dict[Kind, float] = {"classification": 2.0, "regression": 0.01}


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
