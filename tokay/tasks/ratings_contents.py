"""Ratings made ready for tasks: the division, the inputs and the scale, all figures from the training ratings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import torch
from torch import Tensor

from ..core.task import Sizes, Split
from ..errors import DataError
from .ratings_division import RatingDivision, record_names
from .ratings_encoding import RatingEncoding, fit_encoding
from .ratings_features import FeatureTable
from .ratings_files import RatingRows
from .ratings_tasks import RatingTensors, UserRows

Setting = Literal["warm", "new-user", "new-item", "both-new"]

_NO_LIMIT = 2**62


@dataclass(frozen=True, eq=False)
class RatingContents:
    """What a file of ratings holds for each split. Encodings are fitted when they are first asked for."""

    rows: RatingRows
    division: RatingDivision
    setting: Setting
    history: int
    lowest: float  # the lowest rating of the range
    items: FeatureTable | None
    users: FeatureTable | None
    has_item_numbers: bool
    path: str
    where: str
    _users: dict[Split, UserRows] = field(default_factory=dict)

    @cached_property
    def parts(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """The rows of each user: all those of old items, then the later ones of old items and of new items in a test."""
        old = set(self.division.old_items)
        is_old = torch.tensor([name in old for name in self.rows.items])[self.rows.item]
        counts = torch.bincount(self.rows.user, minlength=len(self.rows.users)).tolist()
        parts, start = {}, 0
        for name, count in zip(self.rows.users, counts, strict=True):
            rows = torch.arange(start, start + count)
            mask = is_old[start : start + count]
            old_rows, new_rows = rows[mask], rows[~mask]
            last = int(old_rows[: self.history][-1]) if len(old_rows) >= self.history else start + count
            parts[name] = (old_rows, old_rows[self.history :], new_rows[new_rows > last])
            start += count
        return parts

    @cached_property
    def training_rows(self) -> Tensor:
        """All rows that are trained on. In the settings of old users those of their history, too.

        Raises ``DataError`` if there are none.
        """
        rows = list(self._training().values())
        if not rows:
            raise DataError(
                f"{self.where}: training users must have ratings of old items, none has. Lower --new-items."
            )
        return torch.cat(rows)

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Mean and standard deviation of the training ratings. Raises ``DataError`` if they are all equal."""
        ratings = self.rows.rating[self.training_rows]
        mean, std = float(ratings.mean()), float(ratings.std(correction=0))
        if not std > 1e-12 * max(1.0, abs(mean)):
            raise DataError(
                f"{self.where}: ratings must differ, all of the training users are {mean:g}. Name another column with --rating."
            )
        return mean, std

    @cached_property
    def encoding(self) -> RatingEncoding:
        """How items and users become inputs."""
        items = self.rows.item[self.training_rows]
        counts = dict(zip(self.rows.items, torch.bincount(items, minlength=len(self.rows.items)).tolist(), strict=True))
        return fit_encoding(
            item_counts={name: counts.get(name, 0) for name in self.division.old_items}
            if self.has_item_numbers
            else None,
            items=self.items,
            users=self.users,
            training_items={name for name in self.division.old_items if counts.get(name)},
            training_users=set(self._training()),
        )

    @cached_property
    def tensors(self) -> RatingTensors:
        """All ratings as numbers."""
        mean, std = self.scale
        return RatingTensors(
            item=self.rows.item,
            user=self.rows.user,
            y=((self.rows.rating - mean) / std).float()[:, None],
            item_x=self.encoding.encode_items(self.rows.items),
            user_x=self.encoding.encode_users(self.rows.users),
            y_scale=std,
            y_unit=self.rows.unit,
            y_lowest=(self.lowest - mean) / std,
        )

    def user_rows(self, split: Split) -> UserRows:
        """The rows of the users of ``split``; for training those of all users that are trained on."""
        if split not in self._users:
            self._users[split] = self._training_users() if split == "train" else self._test_users(split)
        return self._users[split]

    def fits(self, split: Split, sizes: Sizes) -> list[bool]:
        """Which users of ``split`` have ratings enough for ``sizes``."""
        rows = self.user_rows(split)
        return rows.fits_training(sizes) if split == "train" else rows.fits_test(sizes)

    def _training(self) -> dict[str, Tensor]:
        """The rows of each user that is trained on."""
        rows = {name: self.parts[name][0] for name in self.division.users["train"]}
        if self.setting in ("warm", "new-item"):  # users that are old in a test
            for name in (*self.division.users["validation"], *self.division.users["test"]):
                rows[name] = self.parts[name][0][: self.history]
        return {name: part for name, part in rows.items() if len(part)}

    def _training_users(self) -> UserRows:
        rows = self._training()
        nothing = (torch.zeros(0, dtype=torch.int64),) * len(rows)
        hashes = self._hashes("train")
        return UserRows(self.tensors, tuple(rows), tuple(rows.values()), nothing, (0,) * len(rows), hashes)

    def _test_users(self, split: Split) -> UserRows:
        names = tuple(self.division.users[split])
        are_new = self.setting in ("new-item", "both-new") and split == "test"
        support, query, other = [], [], []
        for name in names:
            old_rows, old_later, new_later = self.parts[name]
            support.append(old_rows[: self.history])
            query.append(new_later if are_new else old_later)
            other.append(len(old_later if are_new else new_later))
        if not self.division.new_items or split == "validation":
            other = [_NO_LIMIT] * len(names)
        return UserRows(self.tensors, names, tuple(support), tuple(query), tuple(other), self._hashes(split))

    def _hashes(self, split: Split) -> Mapping[str, str]:
        """Hashes of the ratings of each user of ``split``, and of the features of its items: old ones are in train."""
        columns = (self.rows.item.tolist(), self.rows.rating.tolist(), self.rows.time.tolist())
        bounds = dict(zip(self.rows.users, self._bounds(), strict=True))
        users = {}
        for name in self.division.users[split]:
            start, stop = bounds[name]
            lines = zip(*(column[start:stop] for column in columns), strict=True)
            users[name] = _hash([(self.rows.items[item], rating, time) for item, rating, time in lines])
        groups: dict[Split, tuple[str, ...]] = {
            "train": self.division.old_items,
            "validation": (),
            "test": self.division.new_items,
        }
        features = {} if self.items is None else self.items.rows()
        present = set(self.rows.items)
        items = {name: _hash(features.get(name)) for name in groups[split] if name in present}
        return record_names(users, items)

    def _bounds(self) -> list[tuple[int, int]]:
        counts = torch.bincount(self.rows.user, minlength=len(self.rows.users))
        stops = counts.cumsum(0)
        return list(zip((stops - counts).tolist(), stops.tolist(), strict=True))


def _hash(value: object) -> str:
    return blake2b(repr(value).encode(errors="backslashreplace"), digest_size=8).hexdigest()
