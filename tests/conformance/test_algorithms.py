"""What every registered algorithm must do. They enter by themselves; see ``helpers`` for how one excuses itself."""

import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, fields, replace
from itertools import chain
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tokay
from tokay import ConfigError, FitConfig, Sizes, Task, over_tasks
from tokay.cli.train import Lengths, Points, PointSettings, SequenceSettings, Settings
from tokay.core.cost import FAMILIES
from tokay.core.task import Examples, Kind, TaskSpec
from tokay.networks import networks
from tokay.tasks import sources
from tokay.tasks.joint import JointBatches
from tokay.tasks.pool import ClassPool, Episodes

from .helpers import (
    BACKBONES,
    EXCUSABLE,
    PICTURE,
    WAYS,
    WITHOUT_BATCH_STATISTICS,
    Case,
    cases,
    excuse,
    excused,
    meta_gradient,
    numeric,
    one_task,
    relative,
    small,
    variants,
    with_batches_of,
    y_dim_of,
)

each_algorithm = pytest.mark.parametrize("name", sorted(tokay.algorithms()))
each_case = pytest.mark.parametrize("case", cases())
each_classifier = pytest.mark.parametrize("case", cases(wanted=lambda case: case.kind == "classification"))
each_learner = pytest.mark.parametrize("case", cases(wanted=lambda case: case.algorithm.learns))
each_ordered = pytest.mark.parametrize("case", cases(wanted=lambda case: case.algorithm.ordered))
any_ways = pytest.mark.parametrize(
    "case", cases(wanted=lambda case: case.algorithm.any_ways and case.kind == "classification")
)
each_norm = pytest.mark.parametrize("norm", BACKBONES)


# What an algorithm is: a frozen value with a name, a reference and an example.


@each_algorithm
def test_is_a_value(name: str) -> None:
    for algorithm in variants(tokay.algorithms()[name]).values():
        assert algorithm.name == name
        assert replace(algorithm) == algorithm
        assert hash(replace(algorithm)) == hash(algorithm)
        for field in fields(algorithm):
            with pytest.raises(FrozenInstanceError):
                setattr(algorithm, field.name, getattr(algorithm, field.name))
        assert replace(algorithm.at_test()) == algorithm.at_test()
        assert type(algorithm.at_test()) is type(algorithm)
        assert type(algorithm.at_progress(0.5)) is type(algorithm)
        assert set(algorithm.takes()) <= set(algorithm.kinds)
        assert algorithm.takes()


@each_algorithm
def test_json_round_trip(name: str) -> None:
    for algorithm in variants(tokay.algorithms()[name]).values():
        data = json.loads(json.dumps(asdict(algorithm)))
        again = type(algorithm)(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})
        assert again == algorithm


@each_algorithm
def test_is_documented(name: str) -> None:
    kind = tokay.algorithms()[name]
    assert len(kind.reference) > 10
    assert kind.summary
    assert "\n" not in kind.summary
    assert kind.__doc__ is not None
    assert ">>>" in kind.__doc__, "the class needs an example"
    assert "State:" in kind.__doc__, "the class must say what its task state is"
    assert kind.kinds
    assert kind.network in networks()
    assert kind.cost.family in FAMILIES
    assert len(kind.cost.formula) > 5
    assert set(kind.kinds) <= set(get_args(Kind))


@each_algorithm
def test_refuses(name: str) -> None:
    """0, -1 and NaN in a numeric field raise a ConfigError that names the field, at construction."""
    kind = tokay.algorithms()[name]
    for field in fields(kind):
        if not numeric(kind, field.name):
            continue
        for value in (0, -1, math.nan):
            if excuse(kind(), "refuses", f"{field.name}={value}") is not None:
                kind(**{field.name: value})  # an excuse that is not needed fails here
                continue
            with pytest.raises(ConfigError, match=rf"^{re.escape(name)}: {field.name}\b"):
                kind(**{field.name: value})


def test_numbers_are_recognised() -> None:
    """Those that may be left out, too."""
    assert [numeric(tokay.MAML, name) for name in ("inner_lr", "inner_steps", "order")] == [True, True, False]
    assert not numeric(tokay.Reptile, "inner")


@each_algorithm
def test_refuses_unknown_choices(name: str) -> None:
    kind = tokay.algorithms()[name]
    for variant in filter(None, variants(kind)):
        field = variant.partition("=")[0]
        with pytest.raises(ConfigError, match=rf"^{re.escape(name)}: {field}\b"):
            kind(**{field: "none of them"})


@each_algorithm
def test_exceptions_name_a_check_and_a_reason(name: str) -> None:
    for key, reason in tokay.algorithms()[name].exceptions.items():
        check = key.partition("[")[0]
        assert check in EXCUSABLE, f"no algorithm is excused from {check}"
        assert f"test_{check}" in globals()
        assert len(reason) > 10, f"{key} needs a reason"


def test_an_excuse_that_is_not_needed_fails() -> None:
    reptile = tokay.Reptile()
    with pytest.raises(pytest.fail.Exception, match="is not true"), excused(reptile, "finite_differences"):
        pass
    with pytest.raises(pytest.xfail.Exception, match="is excused"), excused(reptile, "finite_differences"):
        raise AssertionError
    with pytest.raises(AssertionError), excused(reptile, "padding"):
        raise AssertionError
    assert excuse(tokay.MAML(), "finite_differences", "order=1")
    assert not excuse(tokay.MAML(), "finite_differences")


@pytest.mark.parametrize("network", sorted(networks()))
@pytest.mark.parametrize("source", sorted(sources()))
@each_algorithm
def test_flags_do_not_collide(name: str, source: str, network: str) -> None:
    settings = {
        "classification": (Settings, Sizes),
        "regression": (PointSettings, Points),
        "sequence": (SequenceSettings, Lengths),
    }[sources()[source].kind]
    parts = (tokay.algorithms()[name], sources()[source], networks()[network], FitConfig, *settings)
    flags = [field.name for field in chain.from_iterable(fields(part) for part in parts)]
    assert sorted(flags) == sorted(set(flags))


# What it computes, one task at a time.


@each_norm
@each_case
def test_loss_and_metrics(case: Case, norm: str) -> None:
    """A finite cost (a vector only for a ``reduce`` of its own), and the true query loss of what ``predict`` answers."""
    net, task = case.build(norm), one_task(case.tasks(norm))
    loss, metrics = case.algorithm.loss(net, task)
    assert loss.ndim == 0 or type(case.algorithm).reduce is not tokay.Algorithm.reduce
    assert loss.ndim <= 1
    assert bool(torch.isfinite(loss).all())
    if case.algorithm.joint:  # it trains the network as it is, on all the examples there are
        outputs, y = net(torch.cat([task.support.x, task.query.x])), torch.cat([task.support.y, task.query.y])
    else:
        state = case.algorithm.adapt(net, task.support)
        outputs, y = case.algorithm.predict(net, state, task.query.x), task.query.y
    with excused(case.algorithm, "loss_and_metrics", case.variant):
        expected = _by_hand(outputs, y)
        assert set(metrics) >= set(expected)
        for name, value in expected.items():
            assert metrics[name].shape == ()
            torch.testing.assert_close(metrics[name], value, rtol=1e-12, atol=1e-12)


def _by_hand(outputs: Tensor, y: Tensor) -> dict[str, Tensor]:
    if y.dtype == torch.bool:
        labels = y.int().argmax(1).long()
        hits = sum(float(row.argmax() == label) for row, label in zip(outputs, labels, strict=True))
        return {"loss": F.cross_entropy(outputs, labels), "accuracy": outputs.new_tensor(hits / len(y))}
    if y.dtype == torch.uint8:
        right = torch.where(y == 1, outputs.sigmoid(), 1 - outputs.sigmoid())
        bits, wrong = -right.log2().sum(), (right < 0.5).sum().to(outputs.dtype)
        return {"loss": -right.log().mean(), "bits": bits, "wrong_bits": wrong}
    error = F.mse_loss(outputs, y)
    return {"loss": error, "mse": error}


@each_case
def test_predicts_one_row_per_query(case: Case) -> None:
    net, task = case.build("none"), one_task(case.tasks("none"))
    state = case.algorithm.adapt(net, task.support)
    for m in (1, 4):
        assert case.algorithm.predict(net, state, task.query.x[:m]).shape == (m, task.query.y.shape[1])


@any_ways
def test_any_ways(case: Case) -> None:
    """What says that it can be tested with other numbers of classes can be."""
    net = case.build("none")
    for ways in (WAYS - 1, WAYS + 2):
        task = one_task(case.tasks("none", ways=ways))
        state = case.algorithm.adapt(net, task.support)
        assert case.algorithm.predict(net, state, task.query.x).shape == (len(task.query.x), ways)


@each_case
def test_path_ends_adapted(case: Case) -> None:
    """The last state of ``path`` is what ``adapt`` gives."""
    net, task = case.build("none"), one_task(case.tasks("none"))
    *_, state = case.algorithm.path(net, task.support)
    adapted = case.algorithm.adapt(net, task.support)
    torch.testing.assert_close(
        case.algorithm.predict(net, state, task.query.x),
        case.algorithm.predict(net, adapted, task.query.x),
        rtol=0,
        atol=0,
    )


@each_norm
@each_case
def test_network_untouched(case: Case, norm: str) -> None:
    net, tasks = case.build(norm), case.tasks(norm)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    task = one_task(tasks)
    state = case.algorithm.adapt(net, task.support)
    case.algorithm.predict(net, state, task.query.x)
    case.algorithm.loss(net, task)
    over_tasks(lambda task: case.algorithm.loss(net, task)[0], tasks)
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in net.parameters())


@each_norm
@each_case
def test_without_gradients(case: Case, norm: str) -> None:
    """The answer is the same under ``no_grad`` and ``inference_mode``, where evaluation and serving run."""
    net, tasks = case.build(norm), case.tasks(norm)

    def answered(task: Task) -> Tensor:
        return case.algorithm.predict(net, case.algorithm.adapt(net, task.support), task.query.x)

    expected = over_tasks(answered, tasks).detach()
    with torch.no_grad():
        torch.testing.assert_close(over_tasks(answered, tasks), expected, rtol=1e-10, atol=1e-12)
    with torch.inference_mode():
        torch.testing.assert_close(over_tasks(answered, tasks), expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(answered(one_task(tasks)), expected[0], rtol=1e-10, atol=1e-12)


# Its meta-gradients.


@each_norm
@each_case
def test_every_weight_gets_a_gradient(case: Case, norm: str) -> None:
    net = case.build(norm)
    _, gradients = meta_gradient(case, net, case.tasks(norm))
    names = [name for name, _ in net.named_parameters()]
    with excused(case.algorithm, "every_weight_gets_a_gradient", case.variant):
        for name, gradient in zip(names, gradients, strict=True):
            assert float(gradient.abs().max()) > 1e-9, name


@each_norm
@each_case
def test_vmap_equals_loop(case: Case, norm: str) -> None:
    """In values, metrics and meta-gradients: the two differ in nothing but speed."""
    net, tasks = case.build(norm), case.tasks(norm)
    with excused(case.algorithm, "vmap_equals_loop", case.variant):
        mapped, mapped_gradient = meta_gradient(case, net, tasks, mode="vmap")
        looped, looped_gradient = meta_gradient(case, net, tasks, mode="loop")
        assert float((mapped - looped).abs()) < 1e-9
        assert relative(mapped_gradient, looped_gradient) < 1e-9
        values = [
            over_tasks(lambda task: case.algorithm.loss(net, task), tasks, mode=mode) for mode in ("vmap", "loop")
        ]
        torch.testing.assert_close(*values, rtol=1e-9, atol=1e-9)


@each_case
def test_mini_batches_are_the_same_in_both(case: Case) -> None:
    """vmap = loop = chunks where inner steps see a part of the support set, too."""
    case = replace(case, algorithm=with_batches_of(case.algorithm, 2))
    net, tasks = case.build("layer"), case.tasks("layer")
    looped_cost, looped = meta_gradient(case, net, tasks, mode="loop")
    for chunk_size in (None, 2):
        cost, mapped = meta_gradient(case, net, tasks, chunk_size=chunk_size)
        torch.testing.assert_close(cost, looped_cost, rtol=1e-10, atol=1e-12)
        assert relative(mapped, looped) < 1e-9


@each_norm
@each_case
def test_finite_differences(case: Case, norm: str) -> None:
    """The meta-gradient is the derivative of the cost, along random directions."""
    net, tasks = case.build(norm), case.tasks(norm)
    _, gradient = meta_gradient(case, net, tasks)
    with excused(case.algorithm, "finite_differences", case.variant):
        for _ in range(2):
            direction = [torch.randn_like(p) for p in net.parameters()]
            predicted = float(sum((g * d).sum() for g, d in zip(gradient, direction, strict=True)))
            for width in (1e-4, 1e-5, 1e-6, 1e-7):  # a kink (a ReLU, two equal losses) may lie within the wider ones
                measured = _slope(case, net, tasks, direction, width)
                if predicted == pytest.approx(measured, rel=2e-6, abs=1e-8):
                    break
            else:
                raise AssertionError(f"the gradient says {predicted}, the cost {measured}")


def _slope(case: Case, net: nn.Module, tasks: Task, direction: list[Tensor], width: float) -> float:
    """Central differences of fourth order."""

    def cost(distance: float) -> float:
        with torch.no_grad():
            for p, d in zip(net.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
            losses = over_tasks(lambda task: case.algorithm.loss(net, task)[0], tasks, mode="loop")
            for p, d in zip(net.parameters(), direction, strict=True):
                p.sub_(d, alpha=distance)
        return float(case.algorithm.reduce(losses))

    near, far = cost(width) - cost(-width), cost(2 * width) - cost(-2 * width)
    return (8 * near - far) / (12 * width)


@each_case
def test_chunks_change_nothing(case: Case) -> None:
    net, tasks = case.build("batch2d"), case.tasks("batch2d")
    cost, gradient = meta_gradient(case, net, tasks)
    for chunk_size in (1, 2, 5):
        chunked_cost, chunked = meta_gradient(case, net, tasks, chunk_size=chunk_size)
        torch.testing.assert_close(chunked_cost, cost, rtol=1e-12, atol=1e-12)
        assert relative(chunked, gradient) < 1e-12
    whole = over_tasks(lambda task: case.algorithm.loss(net, task), tasks)
    parts = over_tasks(lambda task: case.algorithm.loss(net, task), tasks, chunk_size=2)
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-12)


# What must not matter.


@each_case
def test_support_order(case: Case) -> None:
    net, task = case.build("batch1d"), one_task(case.tasks("batch1d"))
    n = len(task.support.x)
    order = torch.arange(n).flip(0) if case.algorithm.ordered else torch.randperm(n)
    shuffled = Examples(task.support.x[order], task.support.y[order])
    states = (case.algorithm.adapt(net, support) for support in (task.support, shuffled))
    a, b = (case.algorithm.predict(net, state, task.query.x) for state in states)
    if case.algorithm.ordered:
        assert relative([a.detach()], [b.detach()]) > 1e-6, "it is declared to be ordered, and is not"
        return
    with excused(case.algorithm, "support_order", case.variant):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@each_ordered
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_along_is_one_prefix_after_the_other(case: Case, norm: str) -> None:
    """What is predicted on the way is what adapting to each beginning of the sequence predicts, the empty one included."""
    net, task = case.build(norm), one_task(case.tasks(norm))
    x, y = task.support
    prefixes = [case.algorithm.adapt(net, Examples(x[:t], y[:t])) for t in range(len(x))]
    expected = [case.algorithm.predict(net, state, x[t : t + 1])[0] for t, state in enumerate(prefixes)]
    torch.testing.assert_close(case.algorithm.along(net, task.support), torch.stack(expected), rtol=1e-10, atol=1e-12)
    padded = _padded(task.support)
    if case.kind == "classification":
        real = padded.y.any(1)
        torch.testing.assert_close(
            case.algorithm.along(net, padded)[real], torch.stack(expected), rtol=1e-10, atol=1e-12
        )


@each_classifier
def test_class_permutation(case: Case) -> None:
    """Numbering the classes otherwise (and with them the rows of the head, if there is one) renumbers the answers."""
    net, task = case.build("batch1d", moved=False), one_task(case.tasks("batch1d"))
    order = torch.tensor([2, 0, 1])
    before = case.algorithm.predict(net, case.algorithm.adapt(net, task.support), task.query.x)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.split(".")[-2:-1] == ["head"]:
                p.copy_(p[order])
    support = Examples(task.support.x, task.support.y[:, order])
    after = case.algorithm.predict(net, case.algorithm.adapt(net, support), task.query.x)
    with excused(case.algorithm, "class_permutation", case.variant):
        torch.testing.assert_close(after, before[:, order], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm", WITHOUT_BATCH_STATISTICS)
@each_classifier
def test_padding(case: Case, norm: str) -> None:
    """Rows of no class change neither what is learned nor how it is judged, wherever they are."""
    net, task = case.build(norm), one_task(case.tasks(norm))
    padded = Task(*(_padded(part) for part in task))
    loss, metrics = case.algorithm.loss(net, task)
    with excused(case.algorithm, "padding", case.variant):
        padded_loss, padded_metrics = case.algorithm.loss(net, padded)
        torch.testing.assert_close(padded_loss, loss, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(dict(padded_metrics), dict(metrics), rtol=1e-10, atol=1e-12)
        a, b = (
            case.algorithm.predict(net, case.algorithm.adapt(net, support), task.query.x)
            for support in (task.support, padded.support)
        )
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def _padded(part: Examples, rows: int = 3) -> Examples:
    x = torch.cat([part.x[:1], 10 * torch.randn_like(part.x[:rows]), part.x[1:]])
    y = torch.cat([part.y[:1], torch.zeros_like(part.y[:rows]), part.y[1:]])
    return Examples(x, y)


# How it is used.


class _Recorded:
    """A source of float64 tasks that remembers what it gave."""

    def __init__(self, case: Case, norm: str) -> None:
        self.case, self.norm = case, norm
        self.spec = TaskSpec(x_shape=BACKBONES[norm][0], y_dim=y_dim_of(case.kind), kind=case.kind)
        self.given: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            self.given.append(self.case.tasks(self.norm, tasks=tasks))
        return self.given[-1]


@each_case
def test_evaluates(case: Case) -> None:
    """The curve ends at the score, the score is the mean by hand, and one seed means one set of tasks."""
    net = case.build("layer")
    first, second = _Recorded(case, "layer"), _Recorded(case, "layer")
    found = tokay.evaluate(case.algorithm, net, first, tasks=4, seed=3)
    again = tokay.evaluate(case.algorithm, net, second, tasks=4, seed=3, chunk_size=3)
    other = tokay.evaluate(case.algorithm, net, second, tasks=4, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(_tensors(first.given[0]), _tensors(second.given[0]), strict=True))
    steps = list(found.curve)
    assert steps == sorted(steps)
    assert found.curve[steps[-1]] == found.scores
    for name, values in found.per_task.items():
        torch.testing.assert_close(again.per_task[name], values, rtol=1e-10, atol=1e-12)
    assert not torch.equal(other.per_task["loss"], found.per_task["loss"])
    tested = case.algorithm.at_test()
    by_hand = []
    for index in range(4):
        task = one_task(first.given[0], index)
        outputs = tested.predict(net, tested.adapt(net, task.support), task.query.x).detach()
        by_hand.append(_by_hand(outputs, task.query.y))
    for name in by_hand[0]:
        mean = torch.stack([row[name] for row in by_hand]).mean()
        assert found[name].mean == pytest.approx(float(mean), rel=1e-10)


@each_case
def test_inductive(case: Case) -> None:
    """An answer depends on the other queries through the norms of the backbone alone; here they mix no examples."""
    found = tokay.evaluate(case.algorithm, case.build("layer"), _Recorded(case, "layer"), tasks=2)
    with excused(case.algorithm, "inductive", case.variant):
        assert not found.transductive


def _tensors(task: Task) -> list[Tensor]:
    return [tensor for part in task for tensor in part]


@each_learner
def test_training_is_reproducible(case: Case) -> None:
    """Two runs of one seed end at the same weights, bit for bit; and training moves every weight."""
    config = FitConfig(steps=2, meta_batch=2, validate_every=0, lr=0.01, seed=5)
    ends = []
    net = case.build("layer")
    start = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(2):
        net.load_state_dict(start)
        steps = list(tokay.fit(case.algorithm, net, _Recorded(case, "layer"), config))
        assert [step.step for step in steps] == [1, 2]
        ends.append({name: value.clone() for name, value in net.state_dict().items()})
    for name in start:
        assert torch.equal(ends[0][name], ends[1][name])
        assert not torch.equal(ends[0][name], start[name])


@each_algorithm
def test_training_sizes(name: str) -> None:
    """What a method trains on in order to be tested is a proper size, and its head's ways are the test's."""
    kind = tokay.algorithms()[name]
    train = kind().training_sizes(Sizes(ways=5, shots=1, queries=15))
    assert isinstance(train, Sizes)
    assert train.ways == 5 or kind.any_ways


# What it is for.


def _clouds(classes: int, generator: torch.Generator) -> ClassPool:
    """Noisy pictures of 4x4 whose class shows in four of the sixteen pixels; which ones has to be learned."""
    centres = torch.zeros(classes, 1, 16)
    centres[..., torch.tensor([1, 6, 8, 15])] = torch.randn(classes, 1, 4, generator=generator)
    noise = torch.randn(classes, 20, 16, generator=generator)
    noise[..., torch.tensor([1, 6, 8, 15])] *= 0.25
    pictures = (128 + 48 * (centres + noise)).clamp(0, 255).to(torch.uint8)
    names = tuple(str(c) for c in range(classes))
    return ClassPool(pictures.reshape(-1, *PICTURE), torch.full((classes,), 20), names)


def _bumps(tasks: int, generator: torch.Generator, n: int = 10) -> Task:
    """Regression: all functions go one way, y = a tanh(x @ w) with one w and a scale of their own."""
    w = torch.tensor([1.0, -1.0, 0.5, 0.0])[:, None]
    x = torch.randn(tasks, 2 * n, 4, generator=generator)
    y = (2 + torch.randn(tasks, 1, 1, generator=generator)) * torch.tanh(x @ w)
    return Task(Examples(x[:, :n], y[:, :n]), Examples(x[:, n:], y[:, n:]))


class _Bumps:
    spec = TaskSpec(x_shape=(4,), y_dim=1, kind="regression")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        return _bumps(tasks, generator)


@pytest.mark.parametrize("case", cases(defaults_only=True, wanted=lambda case: case.algorithm.learns))
def test_learns(case: Case) -> None:
    """Training beats both chance and the method's own untrained start, on classes (functions) it has not seen."""
    algorithm = small(type(case.algorithm)(), steps=8, inner_lr=0.07)
    learned = {"classification": _classes_learned, "regression": _curves, "sequence": _recalled}[case.kind]
    trained, untrained, chance = learned(algorithm)
    with excused(algorithm, "learns", case.kind):
        assert trained > chance + 0.2
        assert trained > untrained + 0.1


def _classes_learned(algorithm: tokay.Algorithm[Any]) -> tuple[float, float, float]:
    generator = torch.Generator().manual_seed(0)
    test = Sizes(ways=3, shots=5, queries=5)
    train = algorithm.training_sizes(test)
    train = replace(train, ways=min(train.ways, 20), shots=min(train.shots, 10), queries=min(train.queries, 10))
    pool, unseen = _clouds(30, generator), Episodes(_clouds(30, generator), test)
    source = JointBatches(pool, replace(train, ways=30, queries=1)) if algorithm.joint else Episodes(pool, train)
    net = algorithm.build(nn.Sequential(nn.Flatten(), nn.Linear(16, 24), nn.Tanh()), source.spec)
    untrained = tokay.evaluate(algorithm, net, unseen, tasks=30, curve=False)["accuracy"].mean
    _train(algorithm, net, source)
    return tokay.evaluate(algorithm, net, unseen, tasks=30, curve=False)["accuracy"].mean, untrained, 1 / 3


def _curves(algorithm: tokay.Algorithm[Any]) -> tuple[float, float, float]:
    """The share of the variance that is explained, after and before training; by chance none is."""
    y = _bumps(1000, torch.Generator().manual_seed(0)).query.y
    net = algorithm.build(nn.Sequential(nn.Linear(4, 24), nn.Tanh()), _Bumps.spec)

    def explained() -> float:
        return 1 - tokay.evaluate(algorithm, net, _Bumps(), tasks=30, curve=False)["mse"].mean / float(y.var())

    untrained = explained()
    _train(algorithm, net, _Bumps())
    return explained(), untrained, 0.0


class _Recall:
    """Read two rows of bits, put out the first: a sequence that any memory can keep."""

    spec = TaskSpec(x_shape=(2,), y_dim=2, kind="sequence")

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        rows = torch.randint(0, 2, (tasks, 2, 2), generator=generator)
        blank = torch.zeros(tasks, 1, 2)
        read = Examples(2 * rows - 1.0, torch.zeros_like(rows).to(torch.uint8))
        return Task(read, Examples(blank, rows[:, :1].to(torch.uint8)))


def _recalled(algorithm: tokay.Algorithm[Any]) -> tuple[float, float, float]:
    """The share of two bits that is saved, after and before training; by chance none is."""
    net = algorithm.build(nn.Identity(), _Recall.spec)

    def saved() -> float:
        return 1 - tokay.evaluate(algorithm, net, _Recall(), tasks=30, curve=False)["bits"].mean / 2

    untrained = saved()
    _train(algorithm, net, _Recall())
    return saved(), untrained, 0.0


def _train(algorithm: tokay.Algorithm[Any], net: nn.Module, source: Any) -> None:
    """A tiny network stands a larger rate than the paper's, of Adam at least."""
    lr = {"adam": 0.01, "rmsprop": 0.003, "sgd": None}[algorithm.outer.optimizer]
    config = FitConfig(steps=120, validate_every=0, meta_batch=min(8, algorithm.meta_batch), lr=lr, clip_norm=10)
    for _ in tokay.fit(algorithm, net, source, config):
        pass
