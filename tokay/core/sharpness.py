"""Turns distances into logits, for methods that only compare raw inputs."""

import torch
from torch import Tensor, nn


class Sharpness(nn.Module):
    """Logits ``-exp(log_sharpness) d`` for distances ``d``. The factor is the only weight; it starts at 1.

    >>> Sharpness()(torch.tensor([0.0, 2.0])).tolist()
    [-0.0, -2.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.zeros(()))

    def forward(self, distances: Tensor) -> Tensor:
        """Return the logits, of the same shape as ``distances``. The smallest distance has the largest logit."""
        return -self.log_sharpness.exp() * distances
