"""Running statistics are averages over tasks, move in training only, and make answers independent of company."""

from typing import Any

import pytest
import torch
from torch import nn

import tokay
from tokay import MAML, Examples, FitConfig, MAMLPlusPlus, NetworkError, ProtoNet, Sizes, Task, TaskSpec, evaluate, fit
from tokay.core.engine.running_statistics import RunningBatchNorm2d, RunningStatistics, update_running_statistics
from tokay.networks import Conv4Pool
from tokay.tasks import Glyphs

SPEC = TaskSpec(x_shape=(1, 16, 16), y_dim=3)


def backbone(filters: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return Conv4Pool(filters=filters, norm="running").build((1, 16, 16)).double()


def tasks(count: int = 3) -> Task:
    generator = torch.Generator().manual_seed(1)
    shapes = ((count, 6, 1, 16, 16), (count, 9, 1, 16, 16))
    parts = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return Task(*(Examples(x, torch.ones(*x.shape[:2], 3, dtype=torch.bool)) for x in parts))


def norms(net: nn.Module) -> list[RunningBatchNorm2d]:
    return [module for module in net.modules() if isinstance(module, RunningBatchNorm2d)]


def test_the_statistics_are_those_of_torch_averaged_over_tasks() -> None:
    """Oracle: torch's own batch norm with running statistics, one copy of the network per task."""
    net, batch = backbone(), tasks()
    expected = []
    for index in range(3):
        torchs = nn.Sequential(
            *(
                nn.Sequential(block.conv, nn.BatchNorm2d(4).double(), nn.MaxPool2d(2), nn.ReLU())
                for block in list(net.children())[:4]
            )
        )
        torchs(torch.cat([batch.support.x[index], batch.query.x[index]]))
        expected.append([(block[1].running_mean, block[1].running_var) for block in torchs])
    update_running_statistics(net, batch)
    for number, norm in enumerate(norms(net)):
        means, variances = zip(*(row[number] for row in expected), strict=True)
        torch.testing.assert_close(norm.mean_of_tasks, torch.stack(means).mean(0), rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(norm.variance_of_tasks, torch.stack(variances).mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("how", [{"mode": "loop"}, {"chunk_size": 2}])
def test_loop_and_chunks_gather_the_same(how: dict[str, Any]) -> None:
    first, second = backbone(), backbone()
    update_running_statistics(first, tasks())
    update_running_statistics(second, tasks(), **how)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=1e-10, atol=1e-12)


def test_a_forward_pass_changes_nothing() -> None:
    net = backbone()
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(2):
        net(torch.randn(5, 1, 16, 16, dtype=torch.float64))
        net.eval()
    torch.testing.assert_close(net.state_dict(), initial, rtol=0, atol=0)


def test_training_uses_the_batch_and_evaluation_the_running_values() -> None:
    norm, x = RunningBatchNorm2d(3), torch.randn(5, 3, 4, 4) * 2 + 1
    torch.testing.assert_close(norm(x), nn.BatchNorm2d(3, track_running_stats=False)(x))
    assert torch.equal(norm.eval()(x), x / (1 + norm.eps) ** 0.5)  # mean 0, variance 1


def trained(method: Any, steps: int) -> nn.Module:
    source = Glyphs(size=16)
    training = source.tasks("train", Sizes(ways=3, shots=1, queries=3))
    net: nn.Module = method.build(Conv4Pool(filters=4, norm="running").build((1, 16, 16)), training.spec)
    for _ in fit(method, net, training, FitConfig(steps=steps, meta_batch=2, validate_every=0)):
        pass
    return net


@pytest.mark.parametrize("method", [ProtoNet(), MAML(inner_lr=0.1)], ids=lambda method: method.name)
def test_evaluation_is_not_transductive(method: Any) -> None:
    torch.manual_seed(0)
    net = trained(method, 3)
    assert all(bool(norm.mean_of_tasks.any()) for norm in norms(net))
    test = Glyphs(size=16).tasks("test", Sizes(ways=3, shots=1, queries=3))
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    assert not evaluate(method, net, test, tasks=4).transductive
    torch.testing.assert_close(net.state_dict(), initial, rtol=0, atol=0)  # adaptation changes no statistics
    plain = method.build(Conv4Pool(filters=4).build((1, 16, 16)), test.spec)
    assert evaluate(method, plain, test, tasks=4).transductive


def test_networks_without_them_are_left_as_they_are() -> None:
    net = Conv4Pool(filters=4).build((1, 16, 16)).double()
    initial = {name: value.clone() for name, value in net.state_dict().items()}
    update_running_statistics(net, tasks())
    torch.testing.assert_close(net.state_dict(), initial, rtol=0, atol=0)
    assert not any(isinstance(module, RunningStatistics) for module in net.modules())


def test_mamlpp_refuses_them() -> None:
    with pytest.raises(NetworkError, match="maml\\+\\+: norm parameters differ from step to step"):
        MAMLPlusPlus().build(backbone().float(), SPEC)


def test_a_learner_answers_each_query_independently() -> None:
    torch.manual_seed(0)
    learner = tokay.Learner(ProtoNet(), trained(ProtoNet(), 3))
    x, labels = torch.rand(6, 1, 16, 16).numpy(), [0, 1, 2, 0, 1, 2]
    answers = learner.fit(x, labels).predict_proba(x[:2])
    torch.testing.assert_close(answers[:1], learner.predict_proba(x[:1]), rtol=1e-5, atol=1e-6)
