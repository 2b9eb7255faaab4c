"""The parts of an outer step: its tasks, its gradient, the change of the weights."""

import pytest
import torch

from tokay import DivergenceError, Task
from tokay.core.current_task import task_keys
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.seeding import generator
from tokay.training.outer_step import KeyedTasks, MetaGradient, OuterStep, TaskStream
from tokay.training.plan import resolve

from .small_problem import MAML_HERE, Lines, config, equal, small_net, weights


def expected_tasks(step: int) -> Task:
    return Lines().sample(3, generator(1, "train", step))


def same(a: KeyedTasks, step: int) -> bool:
    """Whether these are the tasks and keys of ``step``."""
    pairs = zip((*a.tasks.support, *a.tasks.query), (x for part in expected_tasks(step) for x in part), strict=True)
    return all(torch.equal(x, y) for x, y in pairs) and torch.equal(a.keys, task_keys(1, "train", step, 3))


def test_tasks_of_a_cpu_come_when_they_are_taken() -> None:
    source = Lines()
    stream = TaskStream(source, config(), 3, torch.device("cpu"))
    for step in range(3):
        assert same(stream.take(step), step)
        stream.prefetch(step + 1)
        assert len(source.samples) == step + 1


def test_an_accelerator_gets_the_next_tasks_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokay.training.outer_step.to_device", lambda tasks, device: tasks)
    source = Lines()
    stream = TaskStream(source, config(steps=3), 3, torch.device("cuda"))
    for step, count in enumerate([2, 3, 3]):  # none beyond the last step
        assert same(stream.take(step), step)
        stream.prefetch(step + 1)
        assert len(source.samples) == count


def test_the_gradient_says_whether_it_is_finite() -> None:
    net, by_hand, tasks = small_net(), small_net(), expected_tasks(0)
    result = MetaGradient(net, 2, "vmap")(MAML_HERE, KeyedTasks(tasks, task_keys(1, "train", 0, 3)))
    cost, metrics = accumulate_meta_gradient(MAML_HERE, by_hand, tasks, chunk_size=2)
    assert torch.equal(result.cost, cost)
    assert torch.equal(result.metrics["loss"], metrics["loss"])
    assert bool(result.is_finite)
    for p, q in zip(net.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)  # type: ignore[arg-type]
    tasks.query.y[0, 0] = torch.nan
    assert not bool(MetaGradient(net, 2, "vmap")(MAML_HERE, KeyedTasks(tasks, torch.arange(3))).is_finite)


def test_a_step_depends_on_its_number_and_the_weights_only() -> None:
    results = []
    for first in (0, 2):
        net = small_net()
        settings = config(optimizer="sgd", lr=0.1)
        plan = resolve(MAML_HERE, settings)
        optimizer = plan.make_optimizer(net, where="here")
        outer_step = OuterStep(MAML_HERE, net, Lines(), settings, plan, optimizer)
        initial = weights(net)
        for step in range(first, 3):
            net.load_state_dict(initial)
            result = outer_step.run(step)
        assert optimizer.param_groups[0]["lr"] == plan.lr_at(2, settings.steps)
        results.append((float(result.cost), weights(net)))
    assert results[0][0] == results[1][0]
    assert equal(results[0][1], results[1][1])


def test_a_step_that_diverges_changes_no_weight() -> None:
    class Spoiled(Lines):
        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            batch = super().sample(tasks, generator)
            batch.query.y[1, 0] = torch.nan
            return batch

    net, settings = small_net(), config()
    plan = resolve(MAML_HERE, settings)
    outer_step = OuterStep(MAML_HERE, net, Spoiled(), settings, plan, plan.make_optimizer(net, where="here"))
    initial = weights(net)
    with pytest.raises(DivergenceError, match=r"at step 2 they did not \(cost nan, task 1 has query loss nan\)"):
        outer_step.run(1)
    assert equal(weights(net), initial)
