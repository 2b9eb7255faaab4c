"""Checks for all algorithmic tasks. The rules of each task are tested in its own file."""

from typing import Any

import pytest
import torch

from tokay import NTM, ConfigError, FitConfig, Sizes, evaluate, fit
from tokay.core.task import Task, TaskSource, check_task
from tokay.networks import Linear
from tokay.tasks import NTMAssociativeRecall, NTMCopy, NTMPrioritySort, NTMRepeatCopy, Source, list_sources
from tokay.tasks.bit_sequences import marker, read_then_answer, require_bits

ALL: dict[str, Source] = {
    "ntm-copy": NTMCopy(bits=3),
    "ntm-repeat-copy": NTMRepeatCopy(bits=3, repeats=4),
    "ntm-associative-recall": NTMAssociativeRecall(bits=4, rows=2),
    "ntm-priority-sort": NTMPrioritySort(bits=3, highest=4),
}


def source(name: str, split: Any = "test") -> TaskSource:
    return ALL[name].tasks(split, Sizes(shots=6))


def draw(name: str, tasks: int = 20, seed: int = 0, split: Any = "test") -> Task:
    return source(name, split).sample(tasks, torch.Generator().manual_seed(seed))


def test_all_are_here() -> None:
    assert {name for name, kind in list_sources().items() if kind.kind == "sequence"} == set(ALL)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("name", ALL)
def test_they_are_tasks(name: str, split: str) -> None:
    for seed in range(5):
        task = draw(name, seed=seed, split=split)
        check_task(task, source(name).spec, where="here")
        assert not task.support.y.any(), "the support set has no targets"
        assert not task.query.x.any(), "the query inputs are blank"


@pytest.mark.parametrize("name", ALL)
def test_bits_are_fair_and_tasks_differ(name: str) -> None:
    task = draw(name, tasks=300)
    bits = task.support.x[..., :3]
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    assert 0.4 < float(bits[:, 1].mean()) < 0.6
    assert len({tuple(read.flatten().tolist()) for read in task.support.x}) > 250


@pytest.mark.parametrize("name", ALL)
def test_sampling_is_a_pure_function_of_the_generator(name: str) -> None:
    first = draw(name, seed=5, split="train")
    torch.rand(3)
    again = draw(name, seed=5, split="train")
    assert torch.equal(first.support.x, again.support.x)
    assert torch.equal(first.query.y, again.query.y)
    assert not torch.equal(draw(name, seed=5).support.x, draw(name, seed=6).support.x)


@pytest.mark.parametrize("name", ALL)
def test_a_machine_trains_on_them(name: str) -> None:
    method, training = NTM(slots=8, width=4, cells=6), source(name, "train")
    assert ALL[name].network == "linear"
    net = method.build(Linear().build(training.spec.x_shape), training.spec)
    (step,) = fit(method, net, training, FitConfig(steps=1, meta_batch=2, validate_every=0))
    assert {"loss", "bits", "wrong_bits"} <= set(step.metrics)
    evaluation = evaluate(method, net, source(name), tasks=3)
    assert evaluation.measure == "bits"
    assert "support_loss" not in evaluation.scores
    assert evaluation.calibration_error is None
    assert not evaluation.transductive
    with pytest.raises(ConfigError, match="rows of a sequence come one after the other"):
        evaluate(method, net, source(name), tasks=3, inductive=True)


def test_read_then_answer() -> None:
    read, answer = torch.randn(2, 5, 4), torch.ones(2, 3, 2)
    task = read_then_answer(read, answer)
    assert torch.equal(task.support.x, read)
    assert (task.support.y.shape, task.support.y.dtype) == ((2, 5, 2), torch.uint8)
    assert task.query.x.shape == (2, 3, 4)
    assert torch.equal(task.query.y, answer.byte())


def test_marker() -> None:
    assert marker(2, 3, last=1).tolist() == [[[0, 0, 1]]] * 2
    assert marker(1, 3, last=0.5, last_but_one=1).tolist() == [[[0, 1, 0.5]]]


def test_rows_need_bits() -> None:
    with pytest.raises(ConfigError, match=r"^here: bits must be at least 1, got -1"):
        require_bits("here", -1)
