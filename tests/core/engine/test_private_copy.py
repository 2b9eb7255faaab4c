"""A copy in evaluation mode that shares weights, and nothing else."""

import torch
from torch import nn

from tokay.core.engine.private_copy import evaluation_copy


def test_weights_are_shared_and_all_else_is_not() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
    net[2].eval()
    copied = evaluation_copy(net)
    assert all(a is b for a, b in zip(net.parameters(), copied.parameters(), strict=True))
    assert not any(module.training for module in copied.modules())
    assert [module.training for module in net.modules()] == [True, True, True, False]
    assert copied[1].running_mean is not net[1].running_mean
    torch.func.functional_call(copied, {"0.weight": torch.zeros(2, 2)}, torch.ones(1, 2))
    copied[0].bias = nn.Parameter(torch.ones(2))
    assert net[0].bias is not copied[0].bias


def test_weights_that_two_layers_share_stay_shared() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    copied = evaluation_copy(net)
    assert copied[1].weight is copied[0].weight is net[0].weight


def test_a_training_step_shows_in_the_copy() -> None:
    net = nn.Linear(2, 1)
    copied = evaluation_copy(net)
    with torch.no_grad():
        net.weight.add_(1)
    assert torch.equal(copied.weight, net.weight)
