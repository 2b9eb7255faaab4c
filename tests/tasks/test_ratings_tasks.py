"""Tasks that are users."""

import pytest
import torch

from tokay import Sizes, TaskError
from tokay.core.source_abilities import FixedList, Movable, NamedTasks, ScaledTargets, UnequalList
from tokay.core.task import check_task
from tokay.tasks.ratings_tasks import RatingDraws, RatingList, RatingTensors, UserRows


def users(query: tuple[int, ...] = (6, 8), other: tuple[int, ...] = (6, 6)) -> UserRows:
    """Two users: their rows 0-3 and 20-24 give the support set, and so many rows from 4 and 25 on are queries."""
    rows = 40
    tensors = RatingTensors(
        item=torch.arange(rows),
        user=(torch.arange(rows) >= 20).long(),
        y=torch.arange(rows).float()[:, None],
        item_x=torch.arange(1, rows + 1)[:, None, None].expand(-1, 2, 3),
        user_x=torch.tensor([100, 101])[:, None, None].expand(-1, 1, 3),
        y_scale=2.0,
        y_unit="stars",
        y_lowest=-1.0,
    )
    support = (torch.arange(4), torch.arange(20, 25))
    queries = (torch.arange(4, 4 + query[0]), torch.arange(25, 25 + query[1]))
    return UserRows(tensors, ("u", "v"), support, queries, other, {"user u": "1", "user v": "2"})


def test_draws_are_windows_with_later_queries() -> None:
    source = RatingDraws(users(), Sizes(ways=1, shots=2, queries=2), "test")
    task = source.sample(200, torch.Generator().manual_seed(0))
    check_task(task, source.spec, where="test")
    support, query = task.support.y[..., 0], task.query.y[..., 0]
    assert bool((support[:, 1] == support[:, 0] + 1).all())
    assert bool((query[:, 0] > support[:, 1]).all())
    assert bool((query[:, 1] > query[:, 0]).all())
    assert set(support[:, 0].tolist()) == {0, 20, 21}
    assert set(query.flatten().tolist()) == {2, 3, 22, 23, 24}
    again = source.sample(200, torch.Generator().manual_seed(0))
    assert torch.equal(again.query.x, task.query.x)


def test_an_input_is_the_item_and_the_user() -> None:
    source = RatingList(users(), Sizes(ways=1, shots=1, queries=1), "test")
    x = source.part(1, 2).support.x
    assert source.spec.x_shape == (3, 3)
    assert (source.spec.x_type, x.dtype) == ("integer", torch.int64)
    assert x[0, 0, :, 0].tolist() == [21, 21, 101]


def test_a_list_has_each_user_once() -> None:
    source = RatingList(users(), Sizes(ways=1, shots=3, queries=5), "test")
    assert (len(source), source.names, source.lengths()) == (2, ("u", "v"), [(3, 6), (3, 8)])
    assert source.part(0, 1).support.y.flatten().tolist() == [0, 1, 2]
    assert source.part(0, 1).query.y.flatten().tolist() == [4, 5, 6, 7, 8, 9]
    with pytest.raises(TaskError, match="tasks in one block must have equal numbers of ratings"):
        source.part(0, 2)
    sample = source.sample(50, torch.Generator().manual_seed(0))
    check_task(sample, source.spec, where="test")
    assert sample.query.y.shape == (50, 5, 1)
    assert bool((sample.query.y[:, 0] > sample.support.y[:, -1]).all())


def test_abilities() -> None:
    sizes = Sizes(ways=1, shots=2, queries=2)
    draws, listing = RatingDraws(users(), sizes, "test"), RatingList(users(), sizes, "test")
    for source in (draws, listing):
        assert isinstance(source, Movable)
        assert isinstance(source, NamedTasks)
        assert isinstance(source, ScaledTargets)
        assert (source.y_scale, source.y_unit) == (2.0, "stars")
        assert source.to("cpu").sample(2, torch.Generator()).query.y.shape == (2, 2, 1)
    assert isinstance(listing, UnequalList)
    assert not isinstance(draws, FixedList)


def test_a_ranking_needs_more_than_five_candidates() -> None:
    sizes = Sizes(ways=1, shots=1, queries=1)
    assert RatingList(users(query=(6, 8)), sizes, "test").ranking_length == 5
    assert RatingList(users(query=(5, 8)), sizes, "test").ranking_length == 0
    assert RatingDraws(users(), Sizes(ways=1, shots=1, queries=2), "test").ranking_length == 0


def test_a_test_user_needs_queries_in_every_setting() -> None:
    assert RatingList(users(other=(2, 9)), Sizes(ways=1, shots=1, queries=3), "test").names == ("v",)


@pytest.mark.parametrize("kind", [RatingDraws, RatingList])
def test_no_user_is_large_enough(kind: type[RatingDraws]) -> None:
    with pytest.raises(TaskError, match="test: "):
        kind(users(), Sizes(ways=1, shots=5, queries=9), "test")


def test_a_user_with_one_rating_is_left_out() -> None:
    rows = users()
    small = UserRows(rows.tensors, ("u", "v"), (torch.arange(1), rows.support[1]), rows.query, rows.other, {})
    sample = RatingDraws(small, Sizes(ways=1, shots=1, queries=1), "test").sample(50, torch.Generator())
    assert float(sample.support.y.min()) >= 20
