"""After ``add`` and ``remove`` a learner answers as after ``fit`` to the examples that it then has."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import Learner, TaskError, list_algorithms
from tokay.conformance.helpers import cases
from tokay.networks import MLP

from .corners import QUERY, SUPPORT, regressor

each_classifier = pytest.mark.parametrize(
    "case", cases(defaults_only=True, accepts=lambda case: case.kind == "classification")
)
SEPARATE = sorted(name for name, kind in list_algorithms().items() if kind.class_means)


def examples(case: Any, classes: int, seed: int = 0) -> tuple[Tensor, np.ndarray]:
    """Unequal numbers of examples of ``classes`` classes, in random order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(classes).repeat_interleave(torch.arange(2, classes + 2))
    labels = labels[torch.randperm(len(labels), generator=generator)]
    x_shape = case.tasks("none", tasks=1).support.x.shape[2:]
    names = np.array([f"class {label}" for label in labels.tolist()])
    return torch.randn(len(labels), *x_shape, generator=generator, dtype=torch.float64), names


def count_adapted(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> list[int]:
    """A list that will hold the number of examples of each call of ``adapt``."""
    counts: list[int] = []
    adapt = kind.adapt
    monkeypatch.setattr(kind, "adapt", lambda *args: (counts.append(len(args[2].x)), adapt(*args))[1])
    return counts


def compare(learner: Learner, other: Learner, x: Tensor) -> None:
    assert learner.classes_.tolist() == other.classes_.tolist()
    np.testing.assert_allclose(learner.predict_proba(x), other.predict_proba(x), rtol=1e-7, atol=1e-9)


@each_classifier
@pytest.mark.parametrize("norm", ["none", "batch1d"])
def test_more_examples_of_the_same_classes(case: Any, norm: str) -> None:
    net = case.build(norm)
    ways = case.tasks("none", tasks=1).support.y.shape[2]
    x, y = examples(case, ways)
    if norm == "batch1d":
        x = x.reshape(len(x), *case.tasks(norm, tasks=1).support.x.shape[2:])
    enough = len(y) - 2
    while len(set(y[:enough])) < ways:
        enough += 1
    learner = Learner(case.algorithm, net).fit(x[:enough], y[:enough]).add(x[enough:], y[enough:])
    compare(learner, Learner(case.algorithm, net).fit(x, y), x[:3])


@each_classifier
def test_classes_come_and_go(case: Any) -> None:
    if not case.algorithm.any_ways:
        pytest.skip("has a fixed number of classes")
    net = case.build("none")
    x, y = examples(case, 5)
    late = np.isin(y, ["class 1", "class 4"])  # one goes between the others, one after them
    learner = Learner(case.algorithm, net).fit(x[~late], y[~late]).add(x[late], y[late])
    order = np.concatenate([np.flatnonzero(~late), np.flatnonzero(late)])
    compare(learner, Learner(case.algorithm, net).fit(x[order], y[order]), x[:4])
    stays = y[order] != "class 2"
    compare(learner.remove("class 2"), Learner(case.algorithm, net).fit(x[order][stays], y[order][stays]), x[:4])


@pytest.mark.parametrize("name", SEPARATE)
def test_class_means_need_no_second_adaptation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SEPARATE == ["protonet", "simpleshot"]
    case = next(c.values[0] for c in cases(defaults_only=True) if c.values[0].algorithm.name == name)  # type: ignore[union-attr]
    x, y = examples(case, 5)
    learner = Learner(case.algorithm, case.build("none")).fit(x, y)
    counts = count_adapted(monkeypatch, type(case.algorithm))
    new_x, new_y = examples(case, 2, seed=1)
    learner.add(new_x, new_y).add(new_x[:1], ["new"]).remove("class 3")
    assert max(counts) == len(new_x)  # the new examples, or one small class as a probe: never all


def test_batch_norm_makes_it_fit_again(normed: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings of all examples change with the batch."""
    learner = Learner(tokay.ProtoNet(), normed).fit(SUPPORT[0][:9], SUPPORT[1][:9])
    counts = count_adapted(monkeypatch, tokay.ProtoNet)
    learner.add(SUPPORT[0][9:], SUPPORT[1][9:])
    assert counts[-1] == 12
    compare(learner, Learner(tokay.ProtoNet(), normed).fit(*SUPPORT), QUERY[0])


def test_real_targets() -> None:
    x, y = SUPPORT[0], SUPPORT[0].sum(1).double()
    learner = regressor().fit(x[:8], y[:8]).add(x[8:], y[8:])
    expected = Learner(learner.algorithm, learner.net).fit(x, y.float())
    np.testing.assert_allclose(learner.predict(QUERY[0]), expected.predict(QUERY[0]), rtol=1e-5, atol=1e-6)
    with pytest.raises(TaskError, match="real targets have no classes"):
        learner.remove(1.0)


def test_what_is_refused_changes_nothing(proto: Learner, reptile: Learner) -> None:
    with pytest.raises(TaskError, match="add: nothing has been learned yet"):
        proto.add(*SUPPORT)
    with pytest.raises(TaskError, match="remove: nothing has been learned yet"):
        proto.remove(0)
    proto.fit(*SUPPORT)
    reptile.fit(*SUPPORT)
    expected = [learner.predict_proba(QUERY[0]) for learner in (proto, reptile)]
    refusals: list[tuple[Any, str]] = [
        (lambda: proto.add(SUPPORT[0], ["a"] * 12), r"must be like that of fit, int64 \(\), got <U1"),
        (lambda: proto.add(SUPPORT[0], [1]), "one row per example, got 12 and 1"),
        (lambda: proto.add(torch.zeros(0, 2), []), "one row per example, got 0 and 0"),
        (lambda: proto.add(torch.zeros(1, 3), [1]), r"must have shape \(2,\) as in fit, got \(3,\)"),
        (lambda: proto.add(torch.full((1, 2), torch.nan), [1]), "NaN or infinite"),
        (lambda: proto.remove(7), r"there is no class 7, only 0 1 2\."),
        (lambda: proto.remove("a"), "there is no class 'a'"),
        (lambda: reptile.remove(0), "was trained to tell 3 classes apart, the labels have 2"),
        (lambda: reptile.add(SUPPORT[0][:1], [3]), "was trained to tell 3 classes apart, the labels have 4"),
    ]
    for call, message in refusals:
        with pytest.raises(TaskError, match=message):
            call()
    for learner, probabilities in zip((proto, reptile), expected, strict=True):
        np.testing.assert_array_equal(learner.predict_proba(QUERY[0]), probabilities)
    proto.remove(1)
    with pytest.raises(TaskError, match="two classes must be left"):
        proto.remove(0)


def test_a_saved_learner_goes_on(tmp_path: Path) -> None:
    net = MLP(hidden=(4,)).build((2,))
    learner = Learner(tokay.ProtoNet(), net).fit(*SUPPORT)
    spec = tokay.TaskSpec(x_shape=(2,), y_dim=3)
    tokay.save(learner, net, tmp_path / "x.learner", factory=MLP(hidden=(4,)), spec=spec)
    again = tokay.load(tmp_path / "x.learner").add([[5.0, 5.0]], [9]).remove(0)
    compare(again, learner.add([[5.0, 5.0]], [9]).remove(0), QUERY[0])


def test_a_thousand_classes() -> None:
    x = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    learner = Learner(tokay.ProtoNet(), nn.Flatten()).fit(x[:500], np.arange(500))
    for start in range(500, 1000, 100):
        learner.add(x[start : start + 100], np.arange(start, start + 100))
    assert learner.predict(x + 0.01).tolist() == list(range(1000))
    assert learner.predict_proba(x[:2]).shape == (2, 1000)
