"""A wrapper predicts as its network does."""

import torch
from torch import nn

from tokay.core.inner.wrapper import Wrapper


def test_it_predicts_as_the_network() -> None:
    net, x = nn.Linear(3, 2), torch.randn(4, 3)
    assert torch.equal(Wrapper(net)(x), net(x))
    assert [name for name, _ in Wrapper(net).named_parameters()] == ["net.weight", "net.bias"]
