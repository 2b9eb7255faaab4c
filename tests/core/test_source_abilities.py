"""Which source has which ability."""

from typing import Any

import pytest
import torch

from tokay import Examples, Sizes, Task, one_hot
from tokay.core.source_abilities import (
    ExactlyScored,
    FixedList,
    Movable,
    NamedTasks,
    Paced,
    ScaledTargets,
    UnequalList,
)
from tokay.core.task import TaskSource, TaskSpec
from tokay.tasks import Completion, FixedTasks, GaussianProcess, Glyphs, GrowingWays, Sinusoid, VaryingShots
from tokay.tasks.class_pool import Pooled
from tokay.tasks.table_rows import TaskDraws, TaskList, TaskRows

SIZES = Sizes(ways=2, shots=2, queries=1)
ABILITIES: tuple[Any, ...] = (Movable, FixedList, UnequalList, NamedTasks, ScaledTargets, ExactlyScored, Paced, Pooled)


def fixed_tasks() -> FixedTasks:
    examples = Examples(torch.zeros(3, 1, 1), one_hot(torch.zeros(3, 1, dtype=torch.int64), 1))
    return FixedTasks(Task(examples, examples))


def rows() -> TaskRows:
    counts = torch.full((2, 1), 4)
    return TaskRows(x=torch.zeros(8, 1), y=torch.zeros(8, 1), counts=counts, names=("a", "b"), is_ordered=False)


def sources() -> dict[str, TaskSource]:
    episodes = Glyphs().tasks("train", SIZES)
    return {
        "episodes": episodes,
        "varying shots": VaryingShots(episodes, fewest=1, shots=2),
        "growing ways": GrowingWays(episodes, fewest=1, ways=2),
        "joint batches": Glyphs().joint("train", SIZES),
        "pixels": Completion().tasks("train", SIZES),
        "fixed tasks": fixed_tasks(),
        "curves": GaussianProcess().tasks("train", SIZES),
        "sine waves": Sinusoid().tasks("train", SIZES),
        "rows": TaskDraws(rows(), SIZES, "test"),
        "list of rows": TaskList(rows(), SIZES, "test"),
    }


@pytest.mark.parametrize(
    "ability, owners",
    [
        (Movable, {"episodes", "varying shots", "growing ways", "pixels", "rows", "list of rows"}),
        (FixedList, {"fixed tasks", "list of rows"}),
        (UnequalList, {"list of rows"}),
        (NamedTasks, {"rows", "list of rows"}),
        (ScaledTargets, {"rows", "list of rows"}),
        (ExactlyScored, {"curves"}),
        (Paced, {"growing ways"}),
        (Pooled, {"episodes"}),
    ],
)
def test_who_has_which_ability(ability: Any, owners: set[str]) -> None:
    assert {name for name, source in sources().items() if isinstance(source, ability)} == owners


def test_a_source_of_a_user_has_the_abilities_of_its_methods() -> None:
    class Mine:
        spec = TaskSpec(x_shape=(1,), y_dim=1)

        def sample(self, tasks: int, generator: torch.Generator) -> Task:
            return fixed_tasks().sample(tasks, generator)

        def __len__(self) -> int:
            return 3

        def part(self, start: int, stop: int) -> Task:
            return fixed_tasks().part(start, stop)

    assert [ability for ability in ABILITIES if isinstance(Mine(), ability)] == [FixedList]


def test_what_is_no_source_has_no_ability() -> None:
    for other in (torch.zeros(1), torch.nn.Linear(1, 1), [fixed_tasks()], None):  # a tensor has a `to`, a list a length
        assert not any(isinstance(other, ability) for ability in ABILITIES)
