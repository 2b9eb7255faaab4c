"""A network with meta-weights beside it answers as the network does."""

import torch
from torch import nn

from tokay.core.inner.wrapper import Beside


def test_answers_as_the_network() -> None:
    net, x = nn.Linear(3, 2), torch.randn(4, 3)
    assert torch.equal(Beside(net)(x), net(x))
    assert [name for name, _ in Beside(net).named_parameters()] == ["net.weight", "net.bias"]
