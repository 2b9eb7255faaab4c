"""Tasks that are users: early ratings are the support set, later ones the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from ..core.task import Examples, Sizes, Task, TaskSpec
from ..errors import TaskError

_RANKED = 5  # of NDCG@5


@dataclass(frozen=True, eq=False)  # tensors cannot be compared with ==
class RatingTensors:
    """Ratings as numbers. Rows of one user stand next to each other, in the order of time."""

    item: Tensor  # int64 [rows], index into item_x
    user: Tensor  # int64 [rows], index into user_x
    y: Tensor  # float32 [rows, 1], scaled
    item_x: Tensor  # int64 [items, fields of items, values]
    user_x: Tensor  # int64 [users, fields of users, values]
    y_scale: float  # a difference of 1 in y, in units of a rating
    y_unit: str  # name of the column of ratings
    y_lowest: float  # the lowest rating, scaled

    @property
    def spec(self) -> TaskSpec:
        """What the tasks look like: inputs ``[fields, values]`` of integers."""
        fields = self.item_x.shape[1] + self.user_x.shape[1]
        return TaskSpec(x_shape=(fields, self.item_x.shape[2]), y_dim=1, kind="regression", x_type="integer")

    def examples(self, index: Tensor) -> Examples:
        """The rows ``index`` of any shape as examples."""
        index = index.to(self.y.device)
        x = torch.cat([self.item_x[self.item[index]], self.user_x[self.user[index]]], -2)
        return Examples(x, self.y[index])

    def to(self, device: torch.device | str) -> Self:
        """The same ratings on ``device``."""
        names = ("item", "user", "y", "item_x", "user_x")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True, eq=False)
class UserRows:
    """The rows of some users in ``tensors``, for training or for tests."""

    tensors: RatingTensors
    names: tuple[str, ...]
    support: tuple[Tensor, ...]  # the rows of each user from which the support set is taken, in the order of time
    query: tuple[Tensor, ...]  # the rows that may be queries in a test, all later
    other: tuple[int, ...]  # how many queries the other items leave: a test user needs as many of them, too
    hashes: Mapping[str, str]

    def fits_training(self, sizes: Sizes) -> list[bool]:
        """Which users have ratings enough for a training task of ``sizes``."""
        return [len(rows) >= sizes.shots + sizes.queries for rows in self.support]

    def fits_test(self, sizes: Sizes) -> list[bool]:
        """Which users have ratings enough for a test task of ``sizes``, in each setting."""
        triples = zip(self.support, self.query, self.other, strict=True)
        return [len(rows) >= sizes.shots and min(len(later), other) >= sizes.queries for rows, later, other in triples]


class RatingDraws:
    """Tasks drawn from the ratings of users, for training.

    A user is drawn uniformly from those with at least ``shots + queries`` ratings. The support ratings follow each other,
    starting anywhere; the queries are later ones.

    ``y_scale`` and ``y_unit`` say what a unit of y is (`tokay.core.source_abilities.ScaledTargets`), ``ranking_length`` and
    ``y_lowest`` how queries are ranked (`tokay.core.source_abilities.RankedQueries`).

    Raises ``TaskError`` if no user has so many ratings.
    """

    most_ranked: ClassVar[int] = _RANKED

    def __init__(self, users: UserRows, sizes: Sizes, where: str) -> None:
        self.users, self.sizes, self.where, self.spec = users, sizes, where, users.tensors.spec
        self.y_scale, self.y_unit = users.tensors.y_scale, users.tensors.y_unit
        self.y_lowest = users.tensors.y_lowest
        self._eligible = self._choose()
        if self._eligible:
            lengths = [len(users.support[index]) for index in self._eligible]
            self._counts = torch.tensor(lengths)
            self._rows = torch.nn.utils.rnn.pad_sequence([users.support[i] for i in self._eligible], batch_first=True)

    @property
    def ranking_length(self) -> int:
        """How many candidates of a ranking count. 0 if a task has no more than that: then no ranking is wrong."""
        return self.most_ranked if self._fewest_candidates() > self.most_ranked else 0

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` tasks. The sample depends only on the state of ``generator`` (a CPU generator)."""
        index = torch.randint(len(self._eligible), (tasks,), generator=generator)
        counts, shots, queries = self._counts[index], self.sizes.shots, self.sizes.queries
        room = counts - shots - queries
        first = (torch.rand(tasks, generator=generator) * (room + 1)).long().minimum(room)[:, None]
        place = torch.arange(self._rows.shape[1])
        is_later = (place >= first + shots) & (place < counts[:, None])
        keys = torch.rand(is_later.shape, generator=generator).masked_fill_(~is_later, -1.0)
        later = keys.topk(queries).indices.sort(-1).values
        rows = self._rows[index]
        parts = (first + torch.arange(shots), later)
        return Task(*(self.users.tensors.examples(rows.gather(1, part)) for part in parts))

    def hash_tasks(self) -> Mapping[str, str]:
        """A hash of the ratings of each user and of the features of each item, by its name."""
        return self.users.hashes

    def to(self, device: torch.device | str) -> Self:
        """The same tasks with the ratings on ``device``. Rows are drawn on the CPU."""
        return type(self)(replace(self.users, tensors=self.users.tensors.to(device)), self.sizes, self.where)

    def _choose(self) -> list[int]:
        fits = self.users.fits_training(self.sizes)
        if not any(fits):
            raise TaskError(
                f"{self.where}: {self.sizes.shots} shots + {self.sizes.queries} queries need as many ratings of a user, the "
                f"largest of {len(fits)} users has {max(map(len, self.users.support))}. Ask for fewer."
            )
        return [index for index, is_large in enumerate(fits) if is_large]

    def _fewest_candidates(self) -> int:
        return self.sizes.queries


class RatingList(RatingDraws):
    """Each user once, for tests: the first ``shots`` ratings are the support set, all later ones of the setting are queries.

    Users differ in length: see `tokay.core.source_abilities.UnequalList`. ``names`` are the users, in the order of the list.

    Raises ``TaskError`` if no user has ``shots`` early and ``queries`` later ratings.
    """

    def __init__(self, users: UserRows, sizes: Sizes, where: str) -> None:
        super().__init__(users, sizes, where)
        self._parts = [(users.support[index][: sizes.shots], users.query[index]) for index in self._eligible]

    def __len__(self) -> int:
        return len(self._eligible)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of the user of each task."""
        return tuple(self.users.names[index] for index in self._eligible)

    def rows(self) -> list[tuple[Tensor, Tensor]]:
        """The rows of the support set and of the queries of each task."""
        return self._parts

    def lengths(self) -> Sequence[tuple[int, int]]:
        """The number of support and of query ratings of each task."""
        return [(len(support), len(query)) for support, query in self.rows()]

    def part(self, start: int, stop: int) -> Task:
        """The tasks from ``start`` up to, not including, ``stop``. Raises ``TaskError`` if their lengths differ."""
        if len(set(self.lengths()[start:stop])) > 1:
            raise TaskError(
                f"{self.where}: tasks in one block must have equal numbers of ratings, got {self.lengths()[start:stop]}. Ask "
                "for fewer at once."
            )
        support, query = (torch.stack(part) for part in zip(*self.rows()[start:stop], strict=True))
        return Task(self.users.tensors.examples(support), self.users.tensors.examples(query))

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` users with replacement, each with ``queries`` of its later ratings."""
        index = torch.randint(len(self), (tasks,), generator=generator).tolist()
        rows = self.rows()
        support = torch.stack([rows[i][0] for i in index])
        orders = [
            torch.randperm(len(rows[i][1]), generator=generator)[: self.sizes.queries].sort().values for i in index
        ]
        query = torch.stack([rows[i][1][order] for i, order in zip(index, orders, strict=True)])
        return Task(self.users.tensors.examples(support), self.users.tensors.examples(query))

    def _choose(self) -> list[int]:
        fits = self.users.fits_test(self.sizes)
        if not any(fits):
            raise TaskError(
                f"{self.where}: no user of {len(fits)} has {self.sizes.shots} support ratings and then {self.sizes.queries} "
                "or more later ones to predict. Ask for fewer shots or queries, or lower --history or --new-items."
            )
        return [index for index, is_large in enumerate(fits) if is_large]

    def _fewest_candidates(self) -> int:
        return min(len(self.users.query[index]) for index in self._eligible)
