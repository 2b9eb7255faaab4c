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
    found = Nearest().predict(net, Nearest().adapt(net, support), x).detach()
    for m in range(5):
        for k in range(3):
            near = min(float(((x[m] - support.x[i]) ** 2).sum()) for i in range(7) if labels[i] == k)
            torch.testing.assert_close(float(found[m, k]), -near, rtol=1e-12, atol=0)


def test_the_weight_changes_how_sure_it_is_and_no_answer() -> None:
    support, x = Examples(torch.randn(6, 4), one_hot(torch.arange(6) % 3, 3)), torch.randn(9, 4)
    net = Nearest().build(nn.Flatten(), SPEC)
    before = Nearest().predict(net, support, x)
    with torch.no_grad():
        net.get_parameter("log_sharpness").fill_(-3.0)
    after = Nearest().predict(net, support, x)
    assert torch.equal(before.argmax(1), after.argmax(1))
    assert (after.softmax(1).amax(1) < before.softmax(1).amax(1)).all()


def test_nothing_else_is_in_the_network() -> None:
    net = Nearest().build(nn.Linear(4, 100), SPEC)
    assert [name for name, _ in net.named_parameters()] == ["log_sharpness"]
    assert not Nearest.learns
