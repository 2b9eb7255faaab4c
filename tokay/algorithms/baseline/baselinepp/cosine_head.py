"""A cosine classifier: each class has a direction and a separate length; both are learned."""

import torch
from torch import Tensor, nn

from ....core.geometry import cosines
from ....core.inner.descent import Params


def cosine_logits(z: Tensor, head: Params, scale: float) -> Tensor:
    """``scale length_k cos(z, direction_k)``: z [n, features], direction [ways, features], length [ways] -> [n, ways].

    >>> head = {"direction": torch.eye(2), "length": torch.ones(2)}
    >>> cosine_logits(torch.tensor([[3.0, 4.0]]), head, scale=10).round(decimals=3).tolist()
    [[6.0, 8.0]]
    """
    return scale * head["length"] * cosines(z, head["direction"])


class CosineHead(nn.Module):
    """``cosine_logits`` as a layer. Directions start as the weights of a linear layer, lengths as their norms."""

    def __init__(self, features: int, classes: int, scale: float) -> None:
        super().__init__()
        weight = nn.Linear(features, classes, bias=False).weight.detach()
        self.direction = nn.Parameter(weight)
        self.length = nn.Parameter(torch.linalg.vector_norm(weight, dim=1))
        self.scale = scale

    def forward(self, z: Tensor) -> Tensor:
        """Maps features [n, features] to logits [n, classes]."""
        return cosine_logits(z, dict(self.named_parameters()), self.scale)
