"""Training episodes have the sizes of the user, then those of the paper, as far as the data has them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from tokay import MAML, Finetune, ProtoNet, Sizes
from tokay.runs.episode_sizes import is_episodic, sizes_of_test_tasks, spec_of_test_tasks, training_sizes
from tokay.tasks import Images, NTMCopy, Sinusoid

TEST = Sizes(ways=2, shots=1, queries=2)


@pytest.fixture
def pictures(tmp_path: Path) -> Images:
    """Fifteen classes of four grey pictures each; ten of them are for training."""
    for number in range(15):
        (tmp_path / str(number)).mkdir()
        for index in range(4):
            pixels = torch.full((8, 8), 15 * number + index, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(tmp_path / str(number) / f"{index}.png")
    return Images(root=str(tmp_path), size=8)


@pytest.mark.parametrize(
    "flags, expected",
    [
        ({}, (10, 1, 3)),  # the paper's 60 ways and 5 queries are capped
        ({"ways": 4}, (4, 1, 3)),
        ({"shots": 2}, (10, 2, 2)),
        ({"queries": 1}, (10, 1, 1)),
    ],
)
def test_ways_and_queries_are_capped_at_the_data(
    pictures: Images, flags: dict[str, int], expected: tuple[int, ...]
) -> None:
    sizes = training_sizes(ProtoNet(), pictures, TEST, spec_of_test_tasks(pictures, TEST), **flags)
    assert (sizes.ways, sizes.shots, sizes.queries) == expected


def test_a_method_with_a_fixed_head_keeps_the_test_ways(pictures: Images) -> None:
    assert training_sizes(MAML(), pictures, TEST, spec_of_test_tasks(pictures, TEST)).ways == 2


def test_a_method_without_episodes_is_not_capped(pictures: Images) -> None:
    sizes = training_sizes(Finetune(), pictures, TEST, spec_of_test_tasks(pictures, TEST))
    assert not is_episodic(Finetune())
    assert sizes == Finetune().training_sizes_for(TEST, spec_of_test_tasks(pictures, TEST))


def test_sources_without_classes_take_what_the_user_gives() -> None:
    test = Sizes(ways=1, shots=5, queries=6)
    for source in (Sinusoid(), NTMCopy()):
        sizes = training_sizes(MAML(), source, test, spec_of_test_tasks(source, test), shots=7)
        assert (sizes.ways, sizes.shots, sizes.queries) == (1, 7, 5)  # MAML: as many queries as test shots


def test_the_spec_of_test_tasks_has_the_test_ways(pictures: Images) -> None:
    assert spec_of_test_tasks(pictures, TEST).y_dim == 2
    assert spec_of_test_tasks(Sinusoid(), Sizes(shots=5)).kind == "regression"


@pytest.mark.parametrize(
    "limit, ways", [(None, 10), (10 * 4 * 64, 10), (7 * 4 * 64, 7), (8 * 4 * 64 - 1, 7), (1, 2)], ids=str
)
def test_ways_follow_what_a_step_costs(
    pictures: Images, limit: int | None, ways: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of ProtoNet has one task: 1 shot and 3 queries per class, 64 pixels each. Not below the test ways."""
    monkeypatch.setattr(Images, "pixels_per_step", limit)
    sizes = training_sizes(ProtoNet(), pictures, TEST, spec_of_test_tasks(pictures, TEST))
    assert (sizes.ways, sizes.queries) == (ways, 3)
    assert training_sizes(ProtoNet(), pictures, TEST, spec_of_test_tasks(pictures, TEST), ways=9).ways == 9


def test_the_spec_without_test_classes(pictures: Images) -> None:
    everything = replace(pictures, validation=0, test=0)
    assert spec_of_test_tasks(everything, TEST) == spec_of_test_tasks(pictures, TEST)


def test_a_few_small_classes_do_not_cost_the_others_their_queries(pictures: Images) -> None:
    """They are left out of training instead, and take part in smaller test tasks."""
    source = Images(root=pictures.root, size=8, validation=0, test=0)
    sizes = training_sizes(ProtoNet(), source, TEST, spec_of_test_tasks(source, TEST))
    assert (sizes.ways, sizes.shots, sizes.queries) == (15, 1, 3)
    for index in (1, 2, 3):
        (Path(pictures.root) / "0" / f"{index}.png").unlink()
    sizes = training_sizes(ProtoNet(), source, TEST, spec_of_test_tasks(source, TEST))
    assert (sizes.ways, sizes.shots, sizes.queries) == (14, 1, 3)
    assert "0" not in source.tasks("train", sizes).pool.names


def test_usual_ways_follow_the_held_out_classes(pictures: Images) -> None:
    """Fifteen classes hold out two for validation and three for testing."""
    assert sizes_of_test_tasks(pictures).ways == 2
    assert sizes_of_test_tasks(replace(pictures, validation=0)).ways == 3
    assert sizes_of_test_tasks(replace(pictures, validation=0.3, test=0.4)).ways == 4
    assert sizes_of_test_tasks(replace(pictures, validation=0.3, test=0.4), Sizes(ways=9)).ways == 9, "the user's own"
    assert sizes_of_test_tasks(replace(pictures, validation=0, test=0)).ways == 5
