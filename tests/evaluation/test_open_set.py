"""Queries of classes that are not in the support set."""

from typing import Any

import pytest
import torch
from torch import nn

import tokay
from tokay import ConfigError, Learner, Sizes, Task, one_hot
from tokay.core.task import Examples, Split
from tokay.evaluation.open_set import count_classes, max_logits, open_set, split_classes
from tokay.evaluation.task_blocks import task_blocks
from tokay.tasks import Sinusoid
from tokay.tasks.class_pool import ClassPool, Episodes

PROTO = Learner(tokay.ProtoNet(), nn.Flatten())
SIZES = Sizes(ways=3, shots=2, queries=4)


class Corners:
    """Points around the corners of a simplex, as a pool; the number of classes is that of the split."""

    name = "corners"

    def __init__(self, spread: float = 0.1, **classes: int) -> None:
        self.spread, self.classes = spread, classes

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        n = self.classes[split]
        x = torch.eye(n).repeat_interleave(8, 0)
        x = x + self.spread * torch.randn(x.shape, generator=torch.Generator().manual_seed(n))
        return Episodes(ClassPool(x, torch.full((n,), 8), tuple(map(str, range(n)))), sizes, "corners")


def corners(spread: float = 0.1, **classes: int) -> Any:
    return Corners(spread, **classes)


def test_close_classes_are_told_apart_and_noise_is_not() -> None:
    scores = open_set(PROTO, corners(test=7), SIZES, split="test", tasks=30)
    assert (scores.known_ways, scores.unknown_ways, scores.shots) == (3, 3, 2)
    assert scores.known_scores.shape == scores.unknown_scores.shape == (30, 12)
    assert scores.auroc.mean > 0.99
    noise = open_set(PROTO, corners(spread=1000.0, test=7), SIZES, split="test", tasks=60).auroc
    assert abs(noise.mean - 0.5) < 0.1


def test_scores_are_those_of_a_user() -> None:
    """The same tasks, one by one through ``fit`` and ``predict_logits``."""
    source = corners(test=7)
    scores = open_set(PROTO, source, SIZES, split="test", tasks=5, seed=3)

    ((_, tasks),) = task_blocks(source.tasks("test", Sizes(ways=6, shots=2, queries=4)), 5, 3)
    for i in range(5):
        is_member = tasks.support.y[i, :, :3].any(-1)
        learner = Learner(tokay.ProtoNet(), nn.Flatten())
        learner.fit(tasks.support.x[i, is_member], tasks.support.y[i, is_member].int().argmax(-1))
        logits = torch.from_numpy(learner.predict_logits(tasks.query.x[i])).amax(-1)
        is_query = tasks.query.y[i, :, :3].any(-1)
        torch.testing.assert_close(scores.known_scores[i], logits[is_query])
        torch.testing.assert_close(scores.unknown_scores[i], logits[~is_query])


def test_fewer_other_classes_than_known_ones() -> None:
    counts: list[int] = []
    scores = open_set(PROTO, corners(validation=4), SIZES, split="validation", tasks=30, on_progress=counts.append)
    assert (scores.unknown_ways, scores.unknown_scores.shape) == (1, (30, 4))
    assert counts == [25, 30]


def test_what_cannot_be_open() -> None:
    with pytest.raises(ConfigError, match=r"3 ways need at least one class more, .* the test split of corners has 3"):
        open_set(PROTO, corners(test=3), SIZES, split="test")
    with pytest.raises(ConfigError, match="a task must draw its classes from many, those of sinusoid"):
        count_classes(Sinusoid(), "test", SIZES)


def test_splitting_leaves_padding_out() -> None:
    labels = torch.tensor([[0, 1, 2, 3, -1]])
    part = Examples(torch.arange(5.0).reshape(1, 5, 1), one_hot(labels, 4))
    (task,) = split_classes(Task(part, part), 2)
    assert [task.labels.tolist(), task.x[:, 0].tolist()] == [[0, 1], [0.0, 1.0]]
    assert [task.members[:, 0].tolist(), task.strangers[:, 0].tolist()] == [[0.0, 1.0], [2.0, 3.0]]


def test_the_largest_logit() -> None:
    learner = Learner(tokay.ProtoNet(), nn.Flatten()).fit(torch.tensor([[0.0], [2.0]]), [0, 1])
    torch.testing.assert_close(max_logits(learner, torch.tensor([[5.0], [0.5]])), torch.tensor([-9.0, -0.25]))
