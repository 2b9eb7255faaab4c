import pytest
import torch
from torch import nn

from tokay.core.network import check_statistics
from tokay.networks import batch_statistics


def net() -> nn.Module:
    inner = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    return nn.Sequential(inner, nn.InstanceNorm2d(3, affine=True, track_running_stats=True), nn.BatchNorm2d(3))


@pytest.mark.parametrize("training", [True, False])
def test_uses_the_current_batch_in_both_modes(training: bool) -> None:
    x = torch.randn(4, 1, 6, 6)
    original = net().train()
    original(torch.randn(8, 1, 6, 6) + 3)  # running statistics that differ from those of x
    converted = batch_statistics(original).train(training)
    expected = original(x)  # in training mode also the statistics of the batch
    torch.testing.assert_close(converted(x), expected)
    check_statistics(converted, where="here")
    assert not list(converted.buffers())


def test_the_original_does_not_change() -> None:
    original = net()
    state = {name: value.clone() for name, value in original.state_dict().items()}
    converted = batch_statistics(original)
    converted(torch.randn(4, 1, 6, 6))
    assert all(torch.equal(state[name], value) for name, value in original.state_dict().items())
    assert all(m.track_running_stats for m in original.modules() if hasattr(m, "track_running_stats"))


def test_weights_are_copied() -> None:
    original = net()
    converted = batch_statistics(original)
    for (name, p), (other, q) in zip(original.named_parameters(), converted.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(p, q)
        assert p is not q


def test_nothing_to_convert() -> None:
    assert not [m for m in batch_statistics(nn.Linear(2, 2)).modules() if hasattr(m, "track_running_stats")]
