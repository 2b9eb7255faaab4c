"""What the slow loops in NumPy are made of."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokay import TaskSpec
from tokay.core.algorithm import Algorithm

Array = NDArray[np.float64]


def network(method: Algorithm) -> nn.Module:
    """Its network of four numbers and three classes, with weights large enough that gates are not all in the middle."""
    net = method.build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=3)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3)
    return net


def sigma(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def linear(layer: nn.Linear, v: Array) -> Array:
    return layer.weight.detach().numpy() @ v + layer.bias.detach().numpy()
