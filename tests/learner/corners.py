"""A small task: points around three corners."""

import torch
from torch import Tensor, nn

import tokay
from tokay import Learner, TaskSpec

FEATURES = TaskSpec(x_shape=(2,), y_dim=3)
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def near_corners(each: int, spread: float = 0.1) -> tuple[Tensor, Tensor]:
    """Points around three corners and the number of the corner."""
    generator = torch.Generator().manual_seed(each)
    labels = torch.arange(3).repeat(each)
    return CORNERS[labels] + spread * torch.randn(3 * each, 2, generator=generator), labels


SUPPORT, QUERY = near_corners(4), near_corners(9)


def regressor(outputs: int = 1) -> Learner:
    algorithm = tokay.MAML(inner_lr=0.1, test_steps=200)
    return Learner(algorithm, algorithm.build(nn.Flatten(), TaskSpec(x_shape=(2,), y_dim=outputs, kind="regression")))
