"""Every algorithm trains a network with frozen weights, and leaves these weights as they are."""

import torch
from torch import Tensor, nn

import tokay
from tokay import FitConfig
from tokay.core.task import TaskSpec

from .helpers import BACKBONES, Case, each_case, y_dim_of
from .test_in_use import Recorded


def _network(case: Case, *, freeze_all: bool) -> tuple[nn.Module, list[Tensor]]:
    """A network whose backbone is frozen: its first layer, or all of it. Returns the frozen weights, too."""
    x_shape, _ = BACKBONES["layer"]
    spec = TaskSpec(x_shape=x_shape, y_dim=y_dim_of(case.kind), kind=case.kind)
    width = x_shape[0]
    backbone = nn.Sequential(nn.Linear(width, 6), nn.Tanh(), nn.Linear(6, 5))
    frozen_part = backbone if freeze_all else backbone[0]
    frozen_part.requires_grad_(False)
    net = case.algorithm.build(backbone, spec).double()
    return net, [p for p in net.parameters() if not p.requires_grad]


def _fit(case: Case, net: nn.Module) -> None:
    config = FitConfig(steps=2, meta_batch=2, validate_every=0)
    for _ in tokay.fit(case.algorithm, net, Recorded(case, "layer"), config):
        pass


@each_case
def test_a_frozen_layer(case: Case) -> None:
    net, _ = _network(case, freeze_all=False)
    weights, initial = list(net.parameters()), [p.detach().clone() for p in net.parameters()]
    _fit(case, net)
    for p, start in zip(weights, initial, strict=True):
        if not p.requires_grad:
            assert torch.equal(p, start)
    if case.algorithm.learns:
        assert any(not torch.equal(p, start) for p, start in zip(weights, initial, strict=True))


@each_case
def test_a_frozen_backbone(case: Case) -> None:
    """It trains what else there is, or says that nothing is left to train."""
    net, frozen_weights = _network(case, freeze_all=True)
    initial = [p.clone() for p in frozen_weights]
    try:
        _fit(case, net)
    except tokay.NetworkError as error:
        assert "must have a trainable parameter" in str(error)  # noqa: PT017 - most methods train
    for p, start in zip(frozen_weights, initial, strict=True):
        assert torch.equal(p, start)
