"""The typical task is the one with the median loss."""

import pytest
import torch
from torch import nn

from tokay import MAML, Examples, Sizes, Task, TaskSpec, evaluate
from tokay.evaluation.typical_task import typical_task
from tokay.tasks import FixedTasks, Sinusoid

METHOD = MAML(inner_lr=0.01, inner_steps=1, test_steps=1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return METHOD.build(nn.Sequential(nn.Linear(1, 8), nn.Tanh()), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_twelve_of_the_other_tasks_are_better_and_twelve_worse(seed: int) -> None:
    source, net = Sinusoid().tasks("test", Sizes(shots=5, queries=50)), network()
    typical = typical_task(METHOD, net, source, seed=seed)
    losses = evaluate(METHOD, net, source, tasks=25, seed=seed).per_task["loss"]
    assert typical.candidates == 25
    assert typical.loss == pytest.approx(float(losses.median()))
    assert int((losses < typical.loss - 1e-6).sum()) == int((losses > typical.loss + 1e-6).sum()) == 12
    state = METHOD.at_test().adapt(net, typical.task.support)
    answers = METHOD.predict(net, state, typical.task.query.x)
    assert (answers.detach() - typical.task.query.y).square().mean().item() == pytest.approx(typical.loss, rel=1e-4)


def test_a_task_without_a_finite_loss_counts_as_the_worst() -> None:
    x = torch.linspace(-1, 1, 5)[:, None]

    y = torch.tensor([1e30, 0.0, 3.0, 1e30])[:, None, None].expand(4, 5, 1)
    examples = Examples(x.expand(4, 5, 1), y)
    source = FixedTasks(Task(examples, examples))
    typical = typical_task(METHOD, network(), source)
    assert typical.candidates == 4
    assert typical.task.query.y.max() == 3.0
