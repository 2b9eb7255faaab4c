"""Evaluations by hand, and what they do not depend on."""

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
from tokay.core.engine.batching import to_device
from tokay.core.seeding import BLOCK, generator
from tokay.tasks.class_pool import ClassPool, Episodes

WAYS = 3


class RecordedEpisodes:
    """Episodes that keep the tasks they returned in ``samples``."""

    def __init__(self, queries: int = 2) -> None:
        pixels = torch.randint(256, (8 * 10, 1, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        pool = ClassPool(pixels, torch.full((8,), 10), tuple("abcdefgh"))
        self.episodes = Episodes(pool, Sizes(ways=WAYS, shots=2, queries=queries))
        self.spec = self.episodes.spec
        self.samples: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        self.samples.append(self.episodes.sample(tasks, generator))
        return self.samples[-1]


def backbone(*norm: nn.Module) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(9, 6), *norm, nn.Tanh())


def batch_norm() -> nn.Module:
    return nn.BatchNorm1d(6, track_running_stats=False)


METHODS: list[Any] = [MAML(inner_lr=0.3), Reptile(inner_lr=0.01, test_steps=3, test_batch=2), ProtoNet()]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def small_net(method: Any, *norm: nn.Module) -> nn.Module:
    return method.build(backbone(*norm), TaskSpec(x_shape=(1, 3, 3), y_dim=WAYS))


# What is evaluated.


def _calibration_error(confidences: list[float], right: list[bool]) -> float:
    """Over 15 bins of equal width, slowly."""
    total = 0.0
    for b in range(15):
        inside = [i for i, p in enumerate(confidences) if b / 15 < p <= (b + 1) / 15]
        total += abs(sum(right[i] - confidences[i] for i in inside))
    return total / len(confidences)


@each_method
def test_every_number_by_hand(method: Any) -> None:
    net, source = small_net(method), RecordedEpisodes()
    evaluation = evaluate(method, net, source, tasks=6)
    tested, (x, y), (u, v) = method.at_test(), *source.samples[0]
    losses, hits, support, confidences, right = [], [], [], [], []
    for i in range(6):
        answers = tested.predict(net, tested.adapt(net, Examples(x[i], y[i])), u[i])
        labels = v[i].int().argmax(1)
        confidences += answers.softmax(1).max(1).values.tolist()
        right += (answers.argmax(1) == labels).tolist()
        losses.append(float(nn.functional.cross_entropy(answers, labels).detach()))
        hits.append(float((answers.argmax(1) == labels).float().mean()))
        support_answers = tested.predict(net, tested.adapt(net, Examples(x[i], y[i])), x[i])
        support.append(float(nn.functional.cross_entropy(support_answers, y[i].int().argmax(1)).detach()))
    np.testing.assert_allclose(evaluation.per_task["loss"].numpy(), losses, rtol=1e-5)
    np.testing.assert_allclose(evaluation.per_task["accuracy"].numpy(), hits, rtol=1e-6)
    assert evaluation["loss"] == Score.of(evaluation.per_task["loss"])
    assert evaluation["accuracy"].tasks == 6
    np.testing.assert_allclose(evaluation.per_task["support_loss"].numpy(), support, rtol=1e-5, atol=1e-6)
    assert set(evaluation.scores) == {"loss", "accuracy", "support_loss", "support_accuracy"}
    assert set(evaluate(method, net, RecordedEpisodes(), tasks=6, curve=False).scores) == {"loss", "accuracy"}
    assert evaluation.calibration_error == pytest.approx(_calibration_error(confidences, right), abs=1e-6)
    for name, value in evaluation.per_step.items():
        assert value.shape == (6, len(evaluation.curve))
        assert torch.equal(value[:, -1], evaluation.per_task[name])
    assert evaluation.seconds > 0


def test_the_curve() -> None:
    """Steps 0 1 2 3 4 5 10 20 and the last; each as if it had been the last."""
    method = MAML(inner_lr=0.3, test_steps=23)
    net = small_net(method)
    evaluation = evaluate(method, net, RecordedEpisodes(), tasks=4)
    assert list(evaluation.curve) == [0, 1, 2, 3, 4, 5, 10, 20, 23]
    assert evaluation.curve[23] == evaluation.scores
    for steps in (1, 4, 10):
        shorter = evaluate(MAML(inner_lr=0.3, test_steps=steps), net, RecordedEpisodes(), tasks=4)
        assert shorter["loss"].mean == pytest.approx(evaluation.curve[steps]["loss"].mean, rel=1e-5)
    initial = [
        float(nn.functional.cross_entropy(net(u), v.int().argmax(1)).detach())
        for u, v in zip(*(part[:4] for part in _first(RecordedEpisodes()).query), strict=True)
    ]
    assert evaluation.curve[0]["loss"].mean == pytest.approx(float(np.mean(initial)), rel=1e-5)


def _first(source: RecordedEpisodes) -> Task:
    return source.sample(BLOCK, generator(0, "evaluate", 0))


def test_without_a_curve_only_the_end() -> None:
    method = MAML(inner_lr=0.3, test_steps=5)
    evaluation = evaluate(method, small_net(method), RecordedEpisodes(), tasks=4, curve=False)
    assert list(evaluation.curve) == [5]
    assert evaluation["loss"].mean == pytest.approx(
        evaluate(method, small_net(method), RecordedEpisodes(), tasks=4)["loss"].mean, rel=1e-6
    )


def test_a_method_of_one_state_has_a_curve_of_one_point() -> None:
    assert list(evaluate(ProtoNet(), small_net(ProtoNet()), RecordedEpisodes(), tasks=3).curve) == [0]


# What it does not depend on.


@pytest.mark.parametrize("tasks", [2, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_more_tasks_begin_with_the_fewer(tasks: int) -> None:
    net = small_net(ProtoNet())
    many = evaluate(ProtoNet(), net, RecordedEpisodes(), tasks=3 * BLOCK, seed=4).per_task["loss"]
    few = evaluate(ProtoNet(), net, RecordedEpisodes(), tasks=tasks, seed=4).per_task["loss"]
    assert few.shape == (tasks,)
    torch.testing.assert_close(few, many[:tasks], rtol=1e-5, atol=1e-6)


def _all(source: RecordedEpisodes) -> Tensor:
    return torch.cat([tensor.flatten().float() for task in source.samples for part in task for tensor in part])


def test_the_tasks_are_the_same_for_every_method_and_chunk() -> None:
    sources = []
    for method in METHODS:
        for how in ({}, {"chunk_size": 1}, {"chunk_size": 7}, {"mode": "loop"}, {"inductive": True}):
            sources.append(RecordedEpisodes())
            evaluate(method, small_net(method), sources[-1], tasks=BLOCK + 5, seed=2, **how)
    assert all(torch.equal(_all(source), _all(sources[0])) for source in sources)
    other = RecordedEpisodes()
    evaluate(ProtoNet(), small_net(ProtoNet()), other, tasks=BLOCK + 5, seed=3)
    assert not torch.equal(_all(other), _all(sources[0]))


@each_method
@pytest.mark.parametrize("how", [{"chunk_size": 1}, {"chunk_size": 4}, {"mode": "loop"}])
def test_how_it_is_computed_changes_nothing(method: Any, how: dict[str, Any]) -> None:
    net = small_net(method, batch_norm())
    expected = evaluate(method, net, RecordedEpisodes(), tasks=BLOCK + 5)
    parts = evaluate(method, net, RecordedEpisodes(), tasks=BLOCK + 5, **how)
    # In float32, and Adam divides by gradients that are almost nothing; float64 is compared in the conformance suite.
    torch.testing.assert_close(parts.per_task["loss"], expected.per_task["loss"], rtol=2e-3, atol=1e-4)
    assert list(parts.curve) == list(expected.curve)


@each_method
def test_nothing_is_left_behind(method: Any) -> None:
    net = small_net(method, nn.Dropout(0.5))
    initial = {name: p.clone() for name, p in net.state_dict().items()}
    state = torch.get_rng_state()
    scores = [evaluate(method, net, RecordedEpisodes(), tasks=5)["loss"] for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), state)
    assert scores[0] == scores[1], "dropout draws depend on the seed alone"
    assert all(torch.equal(initial[name], p) for name, p in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert net.training


@each_method
def test_memory_stays_flat(method: Any) -> None:
    net, source = small_net(method), RecordedEpisodes()

    def alive() -> int:
        source.samples.clear()
        gc.collect()
        return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())

    evaluate(method, net, source, tasks=3)
    initial = alive()
    for _ in range(50):
        evaluate(method, net, source, tasks=3)
    assert alive() == initial


def test_progress_is_reported() -> None:
    counts: list[int] = []
    evaluate(ProtoNet(), small_net(ProtoNet()), RecordedEpisodes(), tasks=2 * BLOCK + 1, on_progress=counts.append)
    assert counts == [BLOCK, 2 * BLOCK, 2 * BLOCK + 1]


# Whether answers saw other queries.


@each_method
@pytest.mark.parametrize(
    "norm, sees",
    [((), False), ((nn.LayerNorm(6),), False), ((nn.GroupNorm(2, 6),), False), ((batch_norm(),), True)],
    ids=["none", "layer", "group", "batch"],
)
def test_transductive_is_what_it_is(method: Any, norm: tuple[nn.Module, ...], sees: bool) -> None:
    net = small_net(method, *norm)
    assert evaluate(method, net, RecordedEpisodes(), tasks=2).transductive is sees
    assert evaluate(method, net, RecordedEpisodes(), tasks=2, inductive=True).transductive is False


def test_frozen_statistics_see_nothing() -> None:
    norm = nn.BatchNorm1d(6)
    norm(torch.randn(20, 6))
    net = small_net(ProtoNet(), norm.eval())
    assert evaluate(ProtoNet(), net, RecordedEpisodes(), tasks=2).transductive is False


def test_a_single_query_sees_no_other() -> None:
    class One(RecordedEpisodes):
        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            support, query = super().sample(tasks, generator)
            return Task(support, Examples(query.x[:, :1], query.y[:, :1]))

    assert evaluate(ProtoNet(), small_net(ProtoNet()), One(), tasks=2).transductive is False


@each_method
def test_inductive_is_the_support_and_one_query_by_hand(method: Any) -> None:
    net, source = small_net(method, batch_norm()), RecordedEpisodes()
    evaluation = evaluate(method, net, source, tasks=3, inductive=True)
    tested, (x, y), (u, v) = method.at_test(), *source.samples[0]
    losses = []
    for i in range(3):
        state = tested.adapt(net, Examples(x[i], y[i]))
        rows = [tested.predict(net, state, torch.cat([x[i], query[None]]))[-1] for query in u[i]]
        losses.append(float(nn.functional.cross_entropy(torch.stack(rows), v[i].int().argmax(1)).detach()))
    np.testing.assert_allclose(evaluation.per_task["loss"].numpy(), losses, rtol=1e-4)
    transductive = evaluate(method, net, RecordedEpisodes(), tasks=3)
    assert not torch.allclose(transductive.per_task["loss"], evaluation.per_task["loss"], rtol=1e-3)


# What is refused.


@pytest.mark.parametrize("tasks", [1, 0, -3])
def test_too_few_tasks(tasks: int) -> None:
    with pytest.raises(ConfigError, match=rf"^evaluate: tasks must be at least 2 for an interval, got {tasks}"):
        evaluate(ProtoNet(), small_net(ProtoNet()), RecordedEpisodes(), tasks=tasks)


def test_networks_and_tasks_that_do_not_fit() -> None:
    with pytest.raises(NetworkError, match=r"^evaluate: no layer may update running statistics"):
        evaluate(ProtoNet(), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9)), RecordedEpisodes(), tasks=2)
    with pytest.raises(NetworkError, match=r"^evaluate: the network must have 3 outputs"):
        evaluate(MAML(), nn.Sequential(nn.Flatten(), nn.Linear(9, 4)), RecordedEpisodes(), tasks=2)
    source = RecordedEpisodes()
    source.spec = TaskSpec(x_shape=(1, 3, 3), y_dim=5)
    with pytest.raises(TaskError, match=r"^evaluate: support targets must have shape"):
        evaluate(ProtoNet(), small_net(ProtoNet()), source, tasks=2)


def test_a_network_that_cannot_be_mapped_can_be_looped() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) - x.mean().item()

    with pytest.raises(NetworkError, match=r"reads a value out of a tensor"):
        evaluate(ProtoNet(), Centred(), RecordedEpisodes(), tasks=4)
    assert evaluate(ProtoNet(), Centred(), RecordedEpisodes(), tasks=4, mode="loop")["accuracy"].tasks == 4


def test_to_device_moves_every_tensor() -> None:
    task = RecordedEpisodes().episodes.sample(2, torch.Generator())
    on_meta = to_device(task, torch.device("meta"))
    assert isinstance(on_meta, Task)
    assert all(isinstance(part, Examples) and tensor.device.type == "meta" for part in on_meta for tensor in part)
