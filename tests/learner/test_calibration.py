"""The threshold of a learner comes from validation tasks like its support set."""

from typing import Any

import pytest
import torch

import tokay
from tokay import ConfigError, FitConfig, Learner, Sizes
from tokay.core.task import Split, TaskSource
from tokay.learner.calibration import choose_rejection, validation_sizes
from tokay.networks import Linear
from tokay.runs.run import Run
from tokay.tasks import Sinusoid, Table

from ..tasks.tables import species, write_table

SPLITS: list[Split] = []
"""those that a table was asked for"""


@pytest.fixture(autouse=True)
def record(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = Table.tasks

    def record_split(table: Table, split: Split, sizes: Sizes) -> TaskSource:
        SPLITS.append(split)
        return tasks(table, split, sizes)

    monkeypatch.setattr(Table, "tasks", record_split)


@pytest.fixture
def run(tmp_path: Any) -> Run:
    """ProtoNet on a table of thirty species; nine of them are for validation."""
    source = Table(file=write_table(tmp_path, species(30)), target="species", validation=0.3).resolve()
    sizes = Sizes(ways=3, shots=1, queries=2)
    return Run(
        algorithm=tokay.ProtoNet(), source=source, network=Linear(), test=sizes, train=sizes, fit=FitConfig(steps=1)
    )


def learner_of(run: Run, ways: int, shots: int) -> Learner:
    net = run.build(run.source.tasks("train", run.test).spec)
    x = torch.randn(ways * shots, 4, generator=torch.Generator().manual_seed(0))
    return Learner(run.algorithm, net).fit(x, torch.arange(ways).repeat(shots))


def test_validation_tasks_alone_choose(run: Run) -> None:
    learner = learner_of(run, 3, 2)
    SPLITS.clear()
    rejection = choose_rejection(learner, run, 0.1, tasks=60)
    assert set(SPLITS) == {"validation"}
    assert 0.05 < rejection.false_accept <= 0.1
    assert rejection.scores.known_scores.shape == (60, 6)
    assert rejection.false_reject < 0.9


@pytest.mark.parametrize(
    "ways, shots, expected",
    [(2, 1, (2, 1)), (3, 4, (3, 4)), (4, 6, (4, 6)), (7, 2, (4, 2)), (2, 20, (2, 6))],
)
def test_tasks_are_like_the_support_set(run: Run, ways: int, shots: int, expected: tuple[int, int]) -> None:
    """As far as nine classes of eight rows reach, two of which are queries."""
    sizes = validation_sizes(learner_of(run, ways, shots), run)
    assert (sizes.ways, sizes.shots, sizes.queries) == (*expected, 2)


def test_a_fixed_number_of_ways_stays(run: Run) -> None:
    fixed = Run(**{**vars(run), "algorithm": tokay.MAML()})
    assert validation_sizes(learner_of(fixed, 3, 2), fixed) == Sizes(ways=3, shots=2, queries=2)


def test_what_has_no_threshold(run: Run, tmp_path: Any) -> None:
    learner = learner_of(run, 3, 2)
    with pytest.raises(ConfigError, match="must be above 0 and below 1, got 5"):
        choose_rejection(learner, run, 5)
    with pytest.raises(ConfigError, match="reject: is for classes, sinusoid is regression"):
        choose_rejection(learner, Run(**{**vars(run), "source": Sinusoid()}), 0.1)
    source = Table(file=run.source.file, target="species", validation=0).resolve()
    with pytest.raises(ConfigError, match="is chosen on validation classes, the run has none"):
        choose_rejection(learner, Run(**{**vars(run), "source": source}), 0.1)
