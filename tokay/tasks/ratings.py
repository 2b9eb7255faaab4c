"""Ratings of the user: each person is a task, early ratings are the support set and later ones the queries."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from ..core.task import Kind, Sizes, Split, TaskSource
from ..errors import ConfigError, TaskError
from .ratings_contents import RatingContents, Setting
from .ratings_description import describe_division, describe_small_users
from .ratings_division import divide_ratings, keep_ratings
from .ratings_features import read_features
from .ratings_files import RatingColumns, RatingRows, leave_out_small, read_ratings
from .ratings_tasks import RatingDraws, RatingList
from .source import Source
from .splits import check_split
from .table_division import check_shares
from .table_files import check_tables_extra
from .text_files import Stamp, stamp

_WHERE = "ratings"
_NEW_ITEMS = 0.2  # default fraction in the settings of new items

RunRecord = tuple[tuple[Split, tuple[str, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Ratings(Source, name="ratings"):
    """Predict the ratings of a user from few earlier ones: cold start, as in MeLU (Lee et al., 2019, arXiv:1908.00413).

    A user is a task. Support ratings come first in time, queries later. Files of MovieLens and MovieTweetings are read as
    they are, others by the names of their columns. Users and items, never rows, are divided:

    - ``new-user``: test users are in no training; all items are old.
    - ``warm``: the first ``history`` ratings of test users are in training, too.
    - ``new-item``: as ``warm``, but queries are items that are in no training.
    - ``both-new``: test users are in no training, and queries are items that are in no training.

    With the same ``new_items`` and ``history``, the four settings have the same test users, each with at least ``queries``
    later ratings of old and of new items, and the same support ratings. Validation users always predict old items.

    Inputs are integers ``[tasks, n, fields, values]`` for the network ``embeddings``: the columns of ``items`` and ``users``,
    and, without ``items``, the item itself. Targets are scaled by the training ratings; scores are also in units of a rating,
    and ``ndcg@5`` ranks the queries of a user. ``file``, ``items`` and ``users`` become absolute paths.
    """

    summary: ClassVar[str] = "ratings of your users (MovieLens, MovieTweetings, CSV): cold start, a user is a task"
    kind: ClassVar[Kind] = "regression"
    network = "embeddings"
    named_tasks: ClassVar[bool] = True
    noun: ClassVar[str] = "name"  # of a user or an item
    _run_record: ClassVar[RunRecord | None] = None  # set by keep_classes
    _has_new_names: ClassVar[bool] = False

    file: str
    """ratings: user::item::rating::time, or with tabs or commas; with column names: .csv, .tsv, .jsonl, .parquet"""
    items: str | None = None
    """file of item features: id::title (year)::genre|genre, or with column names (default: none)"""
    users: str | None = None
    """file of user features, a row for each user (default: none)"""
    setting: Setting = "new-user"
    """what is new in a test: warm (nothing), new-user, new-item or both-new"""
    user: str | None = None
    """column of users (default: found by its name)"""
    item: str | None = None
    """column of items (default: found by its name)"""
    rating: str | None = None
    """column of ratings (default: found by its name)"""
    time: str | None = None
    """column of times (default: found by its name; without one, the order of the lines)"""
    rating_range: tuple[float, float] | None = None
    """lowest and highest rating: others are refused (default: those of the file)"""
    item_inputs: Literal["auto", "features", "ids", "both"] = "auto"
    """what a network knows of an item: its features, which item it is, or both (auto: features if --items is given)"""
    history: int = 10
    """early ratings of a test user: the support set is taken from them, queries come later"""
    new_items: float | None = None
    """fraction of the items that are in no training (default: 0.2 for new-item and both-new, otherwise 0)"""
    validation: float | None = None
    """fraction of the users held out for validation (default: 0.16)"""
    test: float | None = None
    """fraction of the users held out for testing (default: 0.2)"""
    split_seed: int = 0
    """seed of the division of users and items"""
    skip_small: int = 0
    """leave out users with fewer ratings than this"""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test, _WHERE)
        if self.skip_small < 0 or self.history < 1:
            raise ConfigError(
                f"{_WHERE}: skip_small must not be negative and history at least 1, got {self.skip_small} and {self.history}."
            )
        if not 0 <= self.share_of_new_items() < 1:
            raise ConfigError(f"{_WHERE}: new_items must be a fraction below 1, got {self.new_items}.")
        if self.setting in ("new-item", "both-new") and self.share_of_new_items() == 0:
            raise ConfigError(f"{_WHERE}: --setting {self.setting} needs new items. Raise --new-items above 0.")
        if self.rating_range is not None and not self.rating_range[0] < self.rating_range[1]:
            low, high = self.rating_range
            raise ConfigError(
                f"{_WHERE}: --rating-range must be the lowest and the highest rating, got {low:g} {high:g}."
            )
        if self.item_inputs in ("features", "both") and self.items is None:
            raise ConfigError(
                f"{_WHERE}: --item-inputs {self.item_inputs} needs --items, the file of item features. Name it, or say ids."
            )
        for name in ("file", "items", "users"):  # for other working directories
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(Path(getattr(self, name)).expanduser().absolute()))

    @classmethod
    def default_network(cls, for_pictures: str, for_vectors: str | None, setting: str | None = None) -> str:
        """``embeddings``, which alone reads numbers of categories."""
        return "embeddings"

    def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
        """Users of ``split``: drawn for training, each once for validation and test.

        Users with too few ratings for ``sizes`` are left out. Raises ``DataError`` if a file cannot be used, ``ConfigError``
        if a column is not there or the split has no user, and ``TaskError`` if no user has ratings enough for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        contents = self.contents()
        if not contents.division.users[split]:
            raise ConfigError(f"{_WHERE}: {self._explain_empty(split)}")
        if split == "train":
            return RatingDraws(contents.user_rows(split), sizes, where)
        if sizes.shots > self.history:
            raise TaskError(
                f"{where}: {sizes.shots} shots must come from the history of a user, its first {self.history} ratings. Ask for "
                f"fewer shots, or raise --history to {sizes.shots}."
            )
        return RatingList(contents.user_rows(split), sizes, where)

    def has_split(self, split: Split) -> bool:
        """Whether ``split`` has a user."""
        return bool(self.contents().division.users[split])

    def keep_classes(self, classes: Mapping[Split, Sequence[str]], *, add_new: bool = False) -> Self:
        """The same ratings with the division of a run. New items are new; ``add_new`` adds new users to the test users."""
        source = replace(self)
        object.__setattr__(source, "_run_record", tuple((split, tuple(names)) for split, names in classes.items()))
        object.__setattr__(source, "_has_new_names", add_new)
        return source

    def describe_classes(self) -> str:
        """The division of users and items, the setting, the inputs, and what is left out."""
        return describe_division(self.contents())

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """The users of ``split`` that have too few ratings for ``sizes``."""
        contents = self.contents()
        return describe_small_users(contents, split, sizes) if contents.division.users[split] else ""

    def encode(self, items: Sequence[str], user: str = "") -> Tensor:
        """Inputs for a learner, int64 ``[items, fields, values]``: the items that ``user`` rated, or may rate next.

        A learner's targets are ``(rating - mean) / std`` with ``mean, std = source.contents().scale``.
        """
        encoding = self.contents().encoding
        user_x = encoding.encode_users([user]).expand(len(items), -1, -1)
        return torch.cat([encoding.encode_items(items), user_x], 1)

    def contents(self) -> RatingContents:
        """The ratings, their division, the inputs and the scale, as `tokay.tasks.ratings_contents`."""
        check_tables_extra(_WHERE)
        stamps = tuple(None if path is None else stamp(Path(path)) for path in (self.file, self.items, self.users))
        return _make_contents(replace(self), self._run_record, self._has_new_names, stamps)

    def share_of_new_items(self) -> float:
        """The fraction of the items that are in no training."""
        if self.new_items is not None:
            return self.new_items
        return _NEW_ITEMS if self.setting in ("new-item", "both-new") else 0.0

    def _explain_empty(self, split: Split) -> str:
        """Why a split has no user, and what to do."""
        kind = "training" if split == "train" else split
        if self._run_record is not None:
            return f"there are no {kind} users, because {self.file} has none of those of the run. Put the ratings back."
        return f"there are no {kind} users, because {split} is 0. Raise it."


# A few entries: the settings of a benchmark, or training and an evaluation on another file.
@functools.lru_cache(maxsize=4)
def _make_contents(source: Ratings, record: RunRecord | None, add_new: bool, stamps: object) -> RatingContents:
    """The contents of the files of ``source``. ``stamps`` tells apart the states of files that change."""
    columns = RatingColumns(source.user, source.item, source.rating, source.time)
    rows = _read(stamp(Path(source.file)), columns, source.rating_range)
    rows = leave_out_small(rows, source.skip_small, _WHERE)
    division = (
        divide_ratings(
            rows.users,
            rows.items,
            check_shares(source.validation, source.test, _WHERE),
            source.share_of_new_items(),
            source.split_seed,
            _WHERE,
        )
        if record is None
        else keep_ratings(rows.users, rows.items, dict(record), add_new=add_new)
    )
    features = [
        None if path is None else read_features(Path(path), entity, column, names, _WHERE)
        for path, entity, column, names in (
            (source.items, "item", source.item, frozenset(rows.items)),
            (source.users, "user", source.user, frozenset(rows.users)),
        )
    ]
    has_numbers = source.item_inputs in ("ids", "both") or (source.item_inputs == "auto" and source.items is None)
    return RatingContents(
        rows=rows,
        division=division,
        setting=source.setting,
        history=source.history,
        lowest=rows.span()[0] if source.rating_range is None else source.rating_range[0],
        items=None if source.item_inputs == "ids" else features[0],
        users=features[1],
        has_item_numbers=has_numbers,
        path=source.file,
        where=_WHERE,
    )


@functools.lru_cache(maxsize=2)
def _read(file: Stamp, columns: RatingColumns, rating_range: tuple[float, float] | None) -> RatingRows:
    return read_ratings(file.path, columns, _WHERE, rating_range=rating_range)
