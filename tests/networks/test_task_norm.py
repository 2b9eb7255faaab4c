"""TaskNorm: the equations of the paper, support statistics for queries, the same in a loop and with adapted weights."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

import tokay
from tokay import MAML, Examples, FitConfig, ProtoNet, Sizes, Task, TaskSpec, evaluate, fit, one_hot, over_tasks
from tokay.core.current_task import in_task
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.networks import Conv4Pool, TaskNorm2d, TaskNormNet
from tokay.tasks import Glyphs

SPEC = TaskSpec(x_shape=(1, 16, 16), y_dim=3)


def moved_norm() -> TaskNorm2d:
    norm = TaskNorm2d(2).double()
    with torch.no_grad():
        for p, value in ((norm.scale, 0.1), (norm.offset, -0.3)):
            p.fill_(value)
        norm.weight.copy_(torch.tensor([1.5, -0.5]))
        norm.bias.copy_(torch.tensor([0.2, 0.7]))
    return norm


def by_hand(norm: TaskNorm2d, support: Tensor, x: Tensor) -> Tensor:
    """The equations, one picture and one channel at a time."""
    alpha, scale, shift = 1 / (1 + np.exp(-(0.1 * len(support) - 0.3))), [1.5, -0.5], [0.2, 0.7]
    out = torch.empty_like(x)
    for i in range(len(x)):
        for c in range(2):
            s, own = support[:, c].numpy(), x[i, c].numpy()
            mean = alpha * s.mean() + (1 - alpha) * own.mean()
            variance = alpha * (s.var() + (s.mean() - mean) ** 2) + (1 - alpha) * (own.var() + (own.mean() - mean) ** 2)
            normal = (own - mean) / np.sqrt(variance + norm.eps)
            out[i, c] = torch.from_numpy(normal * scale[c] + shift[c])
    return out


def test_the_equations_by_hand() -> None:
    norm, support, x = moved_norm(), torch.randn(4, 2, 3, 3).double(), torch.randn(5, 2, 3, 3).double() + 1
    net = TaskNormNet(norm)
    torch.testing.assert_close(net(support).detach(), by_hand(norm, support, support))
    with in_task(support_x=support):
        torch.testing.assert_close(net(x).detach(), by_hand(norm, support, x))
        torch.testing.assert_close(net(support).detach(), by_hand(norm, support, support))
    torch.testing.assert_close(net(x).detach(), by_hand(norm, x, x))  # outside of a task


def network(method: Any) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = method.build(Conv4Pool(filters=3, norm="task").build((1, 16, 16)), SPEC).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.rand_like(p))
    return net


def tasks(count: int = 3) -> Task:
    y = one_hot(torch.arange(6) % 3, 3)
    shape = (count, 6, 1, 16, 16)
    return Task(*(Examples(torch.randn(shape).double(), y.expand(count, -1, -1)) for _ in range(2)))


@pytest.mark.parametrize("method", [ProtoNet(), MAML(inner_lr=0.1)], ids=lambda method: method.name)
def test_loop_and_vmap_agree(method: Any) -> None:
    batch, gradients = tasks(), []
    for how in ({"mode": "loop"}, {}, {"chunk_size": 2}):
        net = network(method)
        accumulate_meta_gradient(method, net, batch, **how)
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    assert all(bool(gradient.any()) for name, gradient in gradients[0].items() if "scale" in name)
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=1e-8, atol=1e-10)


def test_finite_differences_of_the_meta_gradient() -> None:
    method, batch = MAML(inner_lr=0.1), tasks(2)
    net = network(method)
    accumulate_meta_gradient(method, net, batch)
    for p in (p for name, p in net.named_parameters() if name.endswith(("norm.offset", "block1.norm.weight"))):
        values = []
        for change in (1e-6, -1e-6):
            with torch.no_grad():
                p.view(-1)[0] += change
                values.append(float(over_tasks(lambda task: method.loss(net, task)[0], batch).mean()))
                p.view(-1)[0] -= change
        assert p.grad is not None
        assert float(p.grad.view(-1)[0]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4, abs=1e-8)


def test_queries_with_adapted_weights_have_the_support_statistics_of_these_weights() -> None:
    method = MAML(inner_lr=0.1)
    net, task = network(method), Task(*(Examples(part.x[0], part.y[0]) for part in tasks(1)))
    with in_task(support_x=task.support.x):
        weights = method.adapt(net, task.support)
        answers = method.predict(net, weights, task.query.x)
    by_rows = []
    for (
        query
    ) in task.query.x:  # support and one query go through the plain layers, the norms see the support rows first
        with in_task(support_x=task.support.x):
            by_rows.append(functional_call(net, weights, (query[None],))[0])
    torch.testing.assert_close(answers, torch.stack(by_rows))
    norm = next(module for module in net.modules() if isinstance(module, TaskNorm2d))
    assert not torch.equal(weights["backbone.block1.conv.weight"], net.get_parameter("backbone.block1.conv.weight"))
    assert norm.training


@pytest.mark.parametrize("method", [ProtoNet(), MAML(inner_lr=0.1)], ids=lambda method: method.name)
def test_training_and_evaluation(method: Any) -> None:
    source = Glyphs(size=16)
    training, test = (source.tasks(split, Sizes(ways=3, shots=1, queries=2)) for split in ("train", "test"))
    net = method.build(Conv4Pool(filters=4, norm="task").build((1, 16, 16)), training.spec)
    for _ in fit(method, net, training, FitConfig(steps=2, meta_batch=2, validate_every=0)):
        pass
    evaluation = evaluate(method, net, test, tasks=4)
    assert not evaluation.transductive
    by_query = evaluate(method, net, test, tasks=4, inductive=True)
    assert by_query.scores["loss"].mean == pytest.approx(evaluation.scores["loss"].mean, rel=1e-4)


def test_a_learner_answers_each_query_independently() -> None:
    torch.manual_seed(0)
    net = ProtoNet().build(Conv4Pool(filters=4, norm="task").build((1, 16, 16)), SPEC)
    x, labels = torch.rand(6, 1, 16, 16).numpy(), [0, 1, 2, 0, 1, 2]
    for inductive in (True, False):
        learner = tokay.Learner(ProtoNet(), net, inductive=inductive).fit(x, labels)
        answers = learner.predict_proba(np.concatenate([x[:2], 1 - x]))
        torch.testing.assert_close(answers[:2], learner.predict_proba(x[:2]), rtol=1e-5, atol=1e-6)


def test_a_norm_that_does_not_exist() -> None:
    with pytest.raises(tokay.ConfigError, match="norm must be batch, running, task or none, got 'layer'"):
        Conv4Pool(norm="layer")  # type: ignore[arg-type]


def test_without_norms_the_convolutions_have_a_bias() -> None:
    net = Conv4Pool(filters=3, norm="none").build((1, 16, 16))
    assert [name for name, _ in net.named_parameters()][:2] == ["block1.conv.weight", "block1.conv.bias"]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
