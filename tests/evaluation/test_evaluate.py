"""Evaluations by hand, and what they must not depend on."""

import gc
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokay import (
    MAML,
    ConfigError,
    Examples,
    NetworkError,
    ProtoNet,
    Reptile,
    Score,
    Sizes,
    Task,
    TaskError,
    TaskSpec,
    evaluate,
)
from tokay.core.seeding import generator
from tokay.evaluation.evaluate import BLOCK, move
from tokay.tasks.class_pool import ClassPool, Episodes

WAYS = 3


class Recorded:
    """Episodes that remember what they gave."""

    def __init__(self, queries: int = 2) -> None:
        pixels = torch.randint(256, (8 * 10, 1, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        pool = ClassPool(pixels, torch.full((8,), 10), tuple("abcdefgh"))
        self.episodes = Episodes(pool, Sizes(ways=WAYS, shots=2, queries=queries))
        self.spec = self.episodes.spec
        self.given: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        self.given.append(self.episodes.sample(tasks, generator))
        return self.given[-1]


def backbone(*norm: nn.Module) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(9, 6), *norm, nn.Tanh())


def batch_norm() -> nn.Module:
    return nn.BatchNorm1d(6, track_running_stats=False)


METHODS: list[Any] = [MAML(inner_lr=0.3), Reptile(inner_lr=0.01, test_steps=3, test_batch=2), ProtoNet()]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def built(method: Any, *norm: nn.Module) -> nn.Module:
    return method.build(backbone(*norm), TaskSpec(x_shape=(1, 3, 3), y_dim=WAYS))


# Numbers.


# What is evaluated.


def _calibration_error(sure: list[float], right: list[bool]) -> float:
    """Over 15 bins of equal width, slowly."""
    total = 0.0
    for b in range(15):
        inside = [i for i, p in enumerate(sure) if b / 15 < p <= (b + 1) / 15]
        total += abs(sum(right[i] - sure[i] for i in inside))
    return total / len(sure)


@each_method
def test_every_number_by_hand(method: Any) -> None:
    net, source = built(method), Recorded()
    found = evaluate(method, net, source, tasks=6)
    tested, (x, y), (u, v) = method.at_test(), *source.given[0]
    losses, hits, support, sure, right = [], [], [], [], []
    for i in range(6):
        answers = tested.predict(net, tested.adapt(net, Examples(x[i], y[i])), u[i])
        labels = v[i].int().argmax(1)
        sure += answers.softmax(1).max(1).values.tolist()
        right += (answers.argmax(1) == labels).tolist()
        losses.append(float(nn.functional.cross_entropy(answers, labels).detach()))
        hits.append(float((answers.argmax(1) == labels).float().mean()))
        learned = tested.predict(net, tested.adapt(net, Examples(x[i], y[i])), x[i])
        support.append(float(nn.functional.cross_entropy(learned, y[i].int().argmax(1)).detach()))
    np.testing.assert_allclose(found.per_task["loss"].numpy(), losses, rtol=1e-5)
    np.testing.assert_allclose(found.per_task["accuracy"].numpy(), hits, rtol=1e-6)
    assert found["loss"] == Score.of(found.per_task["loss"])
    assert found["accuracy"].tasks == 6
    np.testing.assert_allclose(found.per_task["support_loss"].numpy(), support, rtol=1e-5, atol=1e-6)
    assert set(found.scores) == {"loss", "accuracy", "support_loss", "support_accuracy"}
    assert set(evaluate(method, net, Recorded(), tasks=6, curve=False).scores) == {"loss", "accuracy"}
    assert found.calibration_error == pytest.approx(_calibration_error(sure, right), abs=1e-6)
    for name, value in found.per_step.items():
        assert value.shape == (6, len(found.curve))
        assert torch.equal(value[:, -1], found.per_task[name])
    assert found.seconds > 0


def test_the_curve() -> None:
    """Steps 0 1 2 3 4 5 10 20 and the last; each as if it had been the last."""
    method = MAML(inner_lr=0.3, test_steps=23)
    net = built(method)
    found = evaluate(method, net, Recorded(), tasks=4)
    assert list(found.curve) == [0, 1, 2, 3, 4, 5, 10, 20, 23]
    assert found.curve[23] == found.scores
    for steps in (1, 4, 10):
        shorter = evaluate(MAML(inner_lr=0.3, test_steps=steps), net, Recorded(), tasks=4)
        assert shorter["loss"].mean == pytest.approx(found.curve[steps]["loss"].mean, rel=1e-5)
    before = [
        float(nn.functional.cross_entropy(net(u), v.int().argmax(1)).detach())
        for u, v in zip(*(part[:4] for part in _first(Recorded()).query), strict=True)
    ]
    assert found.curve[0]["loss"].mean == pytest.approx(float(np.mean(before)), rel=1e-5)


def _first(source: Recorded) -> Task:
    return source.sample(BLOCK, generator(0, "evaluate", 0))


def test_without_a_curve_only_the_end() -> None:
    method = MAML(inner_lr=0.3, test_steps=5)
    found = evaluate(method, built(method), Recorded(), tasks=4, curve=False)
    assert list(found.curve) == [5]
    assert found["loss"].mean == pytest.approx(
        evaluate(method, built(method), Recorded(), tasks=4)["loss"].mean, rel=1e-6
    )


def test_a_method_of_one_state_has_a_curve_of_one_point() -> None:
    assert list(evaluate(ProtoNet(), built(ProtoNet()), Recorded(), tasks=3).curve) == [0]


# What it does not depend on.


@pytest.mark.parametrize("tasks", [2, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_more_tasks_begin_with_the_fewer(tasks: int) -> None:
    net = built(ProtoNet())
    many = evaluate(ProtoNet(), net, Recorded(), tasks=3 * BLOCK, seed=4).per_task["loss"]
    few = evaluate(ProtoNet(), net, Recorded(), tasks=tasks, seed=4).per_task["loss"]
    assert few.shape == (tasks,)
    torch.testing.assert_close(few, many[:tasks], rtol=1e-5, atol=1e-6)


def _all(source: Recorded) -> Tensor:
    return torch.cat([tensor.flatten().float() for task in source.given for part in task for tensor in part])


def test_the_tasks_are_the_same_for_every_method_and_chunk() -> None:
    sources = []
    for method in METHODS:
        for how in ({}, {"chunk_size": 1}, {"chunk_size": 7}, {"mode": "loop"}, {"inductive": True}):
            sources.append(Recorded())
            evaluate(method, built(method), sources[-1], tasks=BLOCK + 5, seed=2, **how)
    assert all(torch.equal(_all(source), _all(sources[0])) for source in sources)
    other = Recorded()
    evaluate(ProtoNet(), built(ProtoNet()), other, tasks=BLOCK + 5, seed=3)
    assert not torch.equal(_all(other), _all(sources[0]))


@each_method
@pytest.mark.parametrize("how", [{"chunk_size": 1}, {"chunk_size": 4}, {"mode": "loop"}])
def test_how_it_is_computed_changes_nothing(method: Any, how: dict[str, Any]) -> None:
    net = built(method, batch_norm())
    whole = evaluate(method, net, Recorded(), tasks=BLOCK + 5)
    parts = evaluate(method, net, Recorded(), tasks=BLOCK + 5, **how)
    # In float32, and Adam divides by gradients that are almost nothing; float64 is compared in the conformance suite.
    torch.testing.assert_close(parts.per_task["loss"], whole.per_task["loss"], rtol=2e-3, atol=1e-4)
    assert list(parts.curve) == list(whole.curve)


@each_method
def test_nothing_is_left_behind(method: Any) -> None:
    net = built(method, nn.Dropout(0.5))
    before = {name: p.clone() for name, p in net.state_dict().items()}
    state = torch.get_rng_state()
    scores = [evaluate(method, net, Recorded(), tasks=5)["loss"] for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), state)
    assert scores[0] == scores[1], "dropout draws are of the seed"
    assert all(torch.equal(before[name], p) for name, p in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert net.training


@each_method
def test_memory_stays_flat(method: Any) -> None:
    net, source = built(method), Recorded()

    def alive() -> int:
        source.given.clear()
        gc.collect()
        return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())

    evaluate(method, net, source, tasks=3)
    before = alive()
    for _ in range(50):
        evaluate(method, net, source, tasks=3)
    assert alive() == before


def test_progress_is_told() -> None:
    told: list[int] = []
    evaluate(ProtoNet(), built(ProtoNet()), Recorded(), tasks=2 * BLOCK + 1, advanced=told.append)
    assert told == [BLOCK, 2 * BLOCK, 2 * BLOCK + 1]


# Whether answers saw other queries.


@each_method
@pytest.mark.parametrize(
    "norm, sees",
    [((), False), ((nn.LayerNorm(6),), False), ((nn.GroupNorm(2, 6),), False), ((batch_norm(),), True)],
    ids=["none", "layer", "group", "batch"],
)
def test_transductive_is_what_it_is(method: Any, norm: tuple[nn.Module, ...], sees: bool) -> None:
    net = built(method, *norm)
    assert evaluate(method, net, Recorded(), tasks=2).transductive is sees
    assert evaluate(method, net, Recorded(), tasks=2, inductive=True).transductive is False


def test_frozen_statistics_see_nothing() -> None:
    norm = nn.BatchNorm1d(6)
    norm(torch.randn(20, 6))
    net = built(ProtoNet(), norm.eval())
    assert evaluate(ProtoNet(), net, Recorded(), tasks=2).transductive is False


def test_a_single_query_sees_no_other() -> None:
    class One(Recorded):
        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            support, query = super().sample(tasks, generator)
            return Task(support, Examples(query.x[:, :1], query.y[:, :1]))

    assert evaluate(ProtoNet(), built(ProtoNet()), One(), tasks=2).transductive is False


@each_method
def test_inductive_is_the_support_and_one_query_by_hand(method: Any) -> None:
    net, source = built(method, batch_norm()), Recorded()
    found = evaluate(method, net, source, tasks=3, inductive=True)
    tested, (x, y), (u, v) = method.at_test(), *source.given[0]
    losses = []
    for i in range(3):
        state = tested.adapt(net, Examples(x[i], y[i]))
        rows = [tested.predict(net, state, torch.cat([x[i], query[None]]))[-1] for query in u[i]]
        losses.append(float(nn.functional.cross_entropy(torch.stack(rows), v[i].int().argmax(1)).detach()))
    np.testing.assert_allclose(found.per_task["loss"].numpy(), losses, rtol=1e-4)
    together = evaluate(method, net, Recorded(), tasks=3)
    assert not torch.allclose(together.per_task["loss"], found.per_task["loss"], rtol=1e-3)


# What is refused.


@pytest.mark.parametrize("tasks", [1, 0, -3])
def test_too_few_tasks(tasks: int) -> None:
    with pytest.raises(ConfigError, match=rf"^evaluate: tasks must be at least 2 for an interval, got {tasks}"):
        evaluate(ProtoNet(), built(ProtoNet()), Recorded(), tasks=tasks)


def test_networks_and_tasks_that_do_not_fit() -> None:
    with pytest.raises(NetworkError, match=r"^evaluate: no layer may keep running statistics"):
        evaluate(ProtoNet(), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9)), Recorded(), tasks=2)
    with pytest.raises(NetworkError, match=r"^evaluate: the network must have 3 outputs"):
        evaluate(MAML(), nn.Sequential(nn.Flatten(), nn.Linear(9, 4)), Recorded(), tasks=2)
    source = Recorded()
    source.spec = TaskSpec(x_shape=(1, 3, 3), y_dim=5)
    with pytest.raises(TaskError, match=r"^evaluate: support targets must have shape"):
        evaluate(ProtoNet(), built(ProtoNet()), source, tasks=2)


def test_a_network_that_cannot_be_mapped_can_be_looped() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) - x.mean().item()

    with pytest.raises(NetworkError, match=r"reads a value out of a tensor"):
        evaluate(ProtoNet(), Centred(), Recorded(), tasks=4)
    assert evaluate(ProtoNet(), Centred(), Recorded(), tasks=4, mode="loop")["accuracy"].tasks == 4


def test_move_takes_every_tensor() -> None:
    task = Recorded().episodes.sample(2, torch.Generator())
    moved = move(task, torch.device("meta"))
    assert isinstance(moved, Task)
    assert all(isinstance(part, Examples) and tensor.device.type == "meta" for part in moved for tensor in part)
