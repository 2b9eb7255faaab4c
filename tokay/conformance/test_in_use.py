"""Every registered algorithm evaluated and trained."""

import pytest
import torch
from torch import Tensor

import tokay
from tokay import FitConfig, Sizes, Task
from tokay.core.current_task import in_task, task_keys
from tokay.core.task import TaskSpec

from .helpers import BACKBONES, Case, by_hand, cases, each_algorithm, each_case, excused, methods, one_task, y_dim_of

each_learner = pytest.mark.parametrize("case", cases(accepts=lambda case: case.algorithm.learns))


class Recorded:
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
    first, second = Recorded(case, "layer"), Recorded(case, "layer")
    evaluation = tokay.evaluate(case.algorithm, net, first, tasks=4, seed=3)
    again = tokay.evaluate(case.algorithm, net, second, tasks=4, seed=3, chunk_size=3)
    other = tokay.evaluate(case.algorithm, net, second, tasks=4, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(_tensors(first.given[0]), _tensors(second.given[0]), strict=True))
    steps = list(evaluation.curve)
    assert steps == sorted(steps)
    assert evaluation.curve[steps[-1]] == evaluation.scores
    for name, values in evaluation.per_task.items():
        torch.testing.assert_close(again.per_task[name], values, rtol=1e-10, atol=1e-12)
    assert not torch.equal(other.per_task["loss"], evaluation.per_task["loss"])
    tested = case.algorithm.at_test()
    rows = []
    for index in range(4):
        task = one_task(first.given[0], index)
        with in_task(task_keys(3, "evaluate", 0, 4)[index], task.support.x):
            outputs = tested.predict(net, tested.adapt(net, task.support), task.query.x).detach()
        rows.append(by_hand(outputs, task.query.y))
    for name in rows[0]:
        mean = torch.stack([row[name] for row in rows]).mean()
        assert evaluation[name].mean == pytest.approx(float(mean), rel=1e-10)


@each_case
def test_inductive(case: Case) -> None:
    """An answer depends on the other queries through the norms of the backbone alone; here they mix no examples."""
    evaluation = tokay.evaluate(case.algorithm, case.build("layer"), Recorded(case, "layer"), tasks=2)
    with excused(case.algorithm, "inductive", case.variant):
        assert not evaluation.transductive


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
        steps = list(tokay.fit(case.algorithm, net, Recorded(case, "layer"), config))
        assert [step.step for step in steps] == [1, 2]
        ends.append({name: value.clone() for name, value in net.state_dict().items()})
    for name in start:
        assert torch.equal(ends[0][name], ends[1][name])
        assert not torch.equal(ends[0][name], start[name])


@each_algorithm
def test_training_sizes(name: str) -> None:
    """What a method trains on in order to be tested is a proper size, and its head's ways are the test's."""
    kind = methods()[name]
    train = kind().training_sizes(Sizes(ways=5, shots=1, queries=15))
    assert isinstance(train, Sizes)
    assert train.ways == 5 or kind.any_ways
