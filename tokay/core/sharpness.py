"""From distances to logits, for the methods that only measure: the one weight that a network of theirs has."""

import torch
from torch import Tensor, nn


class Sharpness(nn.Module):
    """Logits ``-exp(log_sharpness) d`` for distances ``d``: how fast probability falls with distance, at first by 1/e per unit.

    >>> Sharpness()(torch.tensor([0.0, 2.0])).tolist()
    [-0.0, -2.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.zeros(()))

    def forward(self, distances: Tensor) -> Tensor:
        """The nearest has the largest logit, whatever the weight."""
        return -self.log_sharpness.exp() * distances
