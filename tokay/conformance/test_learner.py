"""Every method in the hands of users: learners that share a network, in threads, asked for one query or for many."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tokay import Learner, Task
from tokay.core.task import Examples

from .helpers import Case, cases, one_task

THREADS = 8

each_learner = pytest.mark.parametrize("case", cases(defaults_only=True, accepts=lambda case: case.kind != "sequence"))


def _labels(case: Case, y: Any) -> NDArray[Any]:
    return np.asarray(y.int().argmax(-1) if case.kind == "classification" else y)


def _fitted(case: Case, net: Any, task: Task) -> Learner:
    return Learner(case.algorithm, net).fit(task.support.x, _labels(case, task.support.y))


def _answers(learner: Learner, queries: Examples | Any) -> NDArray[Any]:
    return learner.predict_proba(queries) if learner.kind_ == "classification" else learner.predict(queries)


@each_learner
def test_threads_share_a_network(case: Case) -> None:
    net = case.build("batch2d")
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    tasks = [one_task(case.tasks("batch2d", tasks=1)) for _ in range(4)]

    def answers(index: int) -> NDArray[Any]:
        return _answers(_fitted(case, net, tasks[index]), tasks[index].query.x)

    expected = [answers(index) for index in range(4)]
    with ThreadPoolExecutor(THREADS) as pool:
        for index, result in enumerate(pool.map(answers, [i % 4 for i in range(2 * THREADS)])):
            np.testing.assert_allclose(result, expected[index % 4], rtol=1e-9, atol=1e-12)
    assert net.training
    assert all((net.state_dict()[name] == value).all() for name, value in weights.items())


@each_learner
@pytest.mark.parametrize("norm", ["none", "batch1d", "batch2d"])
def test_an_answer_does_not_depend_on_the_other_queries(case: Case, norm: str) -> None:
    net = case.build(norm)
    task = one_task(case.tasks(norm, tasks=1))
    learner = _fitted(case, net, task)
    all_at_once = _answers(learner, task.query.x)
    one_by_one = np.concatenate([_answers(learner, task.query.x[i : i + 1]) for i in range(len(all_at_once))])
    np.testing.assert_allclose(one_by_one, all_at_once, rtol=1e-6, atol=1e-9)
