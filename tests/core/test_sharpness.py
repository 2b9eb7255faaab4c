"""Tests of the network for methods that only compare raw inputs."""

import torch

from tokay.core.sharpness import Sharpness


def test_logits_by_hand() -> None:
    net, distances = Sharpness().double(), torch.tensor([[0.0, 1.5], [3.0, 0.5]], dtype=torch.float64)
    assert torch.equal(net(distances), -distances)
    with torch.no_grad():
        net.log_sharpness.fill_(0.7)
    torch.testing.assert_close(net(distances), -(2.718281828459045**0.7) * distances, rtol=1e-12, atol=0)


def test_it_is_the_only_weight_and_has_a_gradient() -> None:
    net = Sharpness()
    net(torch.tensor([2.0, 3.0])).sum().backward()
    assert [name for name, _ in net.named_parameters()] == ["log_sharpness"]
    assert net.log_sharpness.grad == -5
