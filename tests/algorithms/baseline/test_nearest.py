"""The nearest example against a loop."""

import torch
from torch import nn

from tokay import Examples, Nearest, TaskSpec, one_hot

SPEC = TaskSpec(x_shape=(1, 2, 2), y_dim=3)


def test_logits_by_a_loop() -> None:
    labels = torch.tensor([2, 0, 1, 1, 0, 2, 0])
    support = Examples(torch.randn(7, 1, 2, 2, dtype=torch.float64), one_hot(labels, 3))
    x = torch.randn(5, 1, 2, 2, dtype=torch.float64)
    net = Nearest().build(nn.Flatten(), SPEC).double()
    logits = Nearest().predict(net, Nearest().adapt(net, support), x).detach()
    for m in range(5):
        for k in range(3):
            nearest = min(float(((x[m] - support.x[i]) ** 2).sum()) for i in range(7) if labels[i] == k)
            torch.testing.assert_close(float(logits[m, k]), -nearest, rtol=1e-12, atol=0)


def test_the_weight_changes_probabilities_and_not_predictions() -> None:
    support, x = Examples(torch.randn(6, 4), one_hot(torch.arange(6) % 3, 3)), torch.randn(9, 4)
    net = Nearest().build(nn.Flatten(), SPEC)
    initial = Nearest().predict(net, support, x)
    with torch.no_grad():
        net.get_parameter("log_sharpness").fill_(-3.0)
    final = Nearest().predict(net, support, x)
    assert torch.equal(initial.argmax(1), final.argmax(1))
    assert (final.softmax(1).amax(1) < initial.softmax(1).amax(1)).all()


def test_the_network_has_one_weight() -> None:
    net = Nearest().build(nn.Linear(4, 100), SPEC)
    assert [name for name, _ in net.named_parameters()] == ["log_sharpness"]
    assert not Nearest.learns
