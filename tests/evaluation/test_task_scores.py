"""The scores of one task, computed by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Examples, ProtoNet, Task, TaskSpec, one_hot, over_tasks
from tokay.core.objectives import metrics
from tokay.evaluation.task_scores import AdaptationStates, TaskScorer, confidences_and_hits

METHOD = MAML(inner_lr=0.1, test_steps=7).at_test()


def net() -> nn.Module:
    torch.manual_seed(3)
    return METHOD.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), TaskSpec(x_shape=(4,), y_dim=3))


def tasks() -> Task:
    generator = torch.Generator().manual_seed(1)

    def examples(each: int) -> Examples:
        y = one_hot(torch.arange(3).repeat(each), 3).expand(2, -1, -1)
        return Examples(torch.randn(2, 3 * each, 4, generator=generator), y)

    return Task(examples(2), examples(3))


def first(batch: Task) -> Task:
    return Task(*(Examples(part.x[0], part.y[0]) for part in batch))


@torch.no_grad()
def test_the_steps_of_the_curve_are_part_of_the_result() -> None:
    network, task = net(), first(tasks())
    scores = TaskScorer(METHOD, network, inductive=False, curve=True, mode="vmap").score(task)
    assert scores.steps.tolist() == [0, 1, 2, 3, 4, 5, 7]
    for point, state in enumerate(AdaptationStates(METHOD, network, task.support, curve=True)):
        query = metrics(METHOD.predict(network, state, task.query.x), task.query.y)
        support = metrics(METHOD.predict(network, state, task.support.x), task.support.y)
        for name, value in query.items():
            torch.testing.assert_close(scores.measures[name][point], value)
            torch.testing.assert_close(scores.measures[f"support_{name}"][point], support[name])


@torch.no_grad()
@pytest.mark.parametrize("how", [{}, {"chunk_size": 1}, {"mode": "loop"}])
def test_over_tasks_every_tensor_gains_an_axis(how: dict[str, Any]) -> None:
    scorer = TaskScorer(METHOD, net(), inductive=False, curve=True, mode="vmap")
    batch = tasks()
    scores = over_tasks(scorer.score, batch, **how)
    assert scores.steps.tolist() == [[0, 1, 2, 3, 4, 5, 7]] * 2
    assert scores.confidences.shape == scores.hits.shape == (2, 9)
    torch.testing.assert_close(scores.measures["loss"][0], scorer.score(first(batch)).measures["loss"])


@torch.no_grad()
def test_without_a_curve_there_is_one_point() -> None:
    scores = TaskScorer(METHOD, net(), inductive=False, curve=False, mode="vmap").score(first(tasks()))
    assert scores.steps.tolist() == [7]
    assert set(scores.measures) == {"loss", "accuracy"}
    assert scores.measures["loss"].shape == (1,)


@torch.no_grad()
def test_inductive_answers_every_query_alone() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x.mean(0)

    task = first(tasks())
    (x, _), (queries, labels) = task
    state = ProtoNet().adapt(Centred(), task.support)
    rows = [ProtoNet().predict(Centred(), state, torch.cat([x, query[None]]))[-1] for query in queries]
    scores = TaskScorer(ProtoNet(), Centred(), inductive=True, curve=False, mode="vmap").score(task)
    torch.testing.assert_close(scores.measures["loss"][0], metrics(torch.stack(rows), labels)["loss"])


def test_states_are_counted_while_they_pass() -> None:
    states = AdaptationStates(METHOD, net(), first(tasks()).support, curve=True)
    assert states.steps == []
    for number, _ in enumerate(states, 1):
        assert len(states.steps) == number
    assert states.steps == [0, 1, 2, 3, 4, 5, 7]


def test_padding_has_no_confidence() -> None:
    predictions = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    y = torch.tensor([[True, False], [True, False], [False, False]])
    confidences, hits = confidences_and_hits(predictions, y)
    torch.testing.assert_close(confidences[:2], predictions[:2].softmax(1).max(1).values)
    assert bool(confidences[2].isnan())
    assert hits[:2].tolist() == [True, False]
