"""Classes of images in one tensor, and the episodes drawn from them: one gather per batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..core.task import Examples, Sizes, Task, TaskSpec, one_hot
from ..errors import TaskError


@dataclass(frozen=True, eq=False)  # tensors have no single truth value to compare by
class ClassPool:
    """The images of some classes, those of one class next to each other.

    Raises ``TaskError`` when it is empty or when shapes, dtypes and counts do not fit together.

    >>> pool = ClassPool(torch.zeros(5, 1, 28, 28, dtype=torch.uint8), torch.tensor([2, 3]), ("alpha", "beta"))
    >>> pool.subset(["beta"]).counts.tolist()
    [3]
    """

    images: Tensor  # uint8 [examples, C, H, W]
    counts: Tensor  # int64 [classes], examples of each class
    names: tuple[str, ...]  # one per class

    def __post_init__(self) -> None:
        if not self.names:
            raise TaskError("ClassPool: there must be at least one class, got none.")
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise TaskError(
                f"ClassPool: images must be uint8 [examples, C, H, W], got {self.images.dtype} "
                f"{list(self.images.shape)}. Scale values to 0..255 and add the missing axes."
            )
        if len(self.counts) != len(self.names) or int(self.counts.sum()) != len(self.images):
            raise TaskError(
                f"ClassPool: counts must name {len(self.images)} images of {len(self.names)} classes, "
                f"got {int(self.counts.sum())} of {len(self.counts)}."
            )
        if len(set(self.names)) < len(self.names):
            raise TaskError("ClassPool: names must be distinct. Add what sets those of the same name apart.")
        if int(self.counts.min()) < 1:
            raise TaskError(f"ClassPool: class {self.names[int(self.counts.argmin())]} has no example. Leave it out.")

    def subset(self, names: Sequence[str]) -> "ClassPool":
        """The classes of these names, in this order (a copy). Raises ``KeyError`` for a name it does not have."""
        number = {name: index for index, name in enumerate(self.names)}
        classes = [number[name] for name in names]
        groups = torch.split(self.images, self.counts.tolist())
        images = torch.cat([groups[c] for c in classes]) if classes else self.images[:0]
        return ClassPool(images, self.counts[classes], tuple(names))

    def to(self, device: torch.device | str) -> "ClassPool":
        """The same pool with its images on ``device``. Counts stay on the CPU, where tasks are drawn."""
        return replace(self, images=self.images.to(device))


class Episodes:
    """Few-shot classification tasks from a pool: ``ways`` distinct classes drawn uniformly, each with
    ``shots`` support and ``queries`` query examples that are all different.

    Labels and rows come in random order, so neither a class nor a position gives an answer away, and cutting
    the support set into mini-batches mixes classes. Inputs are float32 in [0, 1] on the pool's device.

    ``groups`` (int64 [classes], say the alphabet of each character) confines every episode to one group, drawn
    uniformly from those with at least ``ways`` classes.

    Raises ``TaskError``, beginning with ``where``, when the pool (or every group) has too few classes, or a class
    too few examples.

    >>> pool = ClassPool(torch.zeros(60, 1, 28, 28, dtype=torch.uint8), torch.full((6,), 10), tuple("abcdef"))
    >>> task = Episodes(pool, Sizes(ways=5, shots=1, queries=2)).sample(32, torch.Generator().manual_seed(0))
    >>> task.support.x.shape, task.query.y.shape
    (torch.Size([32, 5, 1, 28, 28]), torch.Size([32, 10, 5]))
    """

    def __init__(self, pool: ClassPool, sizes: Sizes, where: str = "episodes", groups: Tensor | None = None) -> None:
        self.groups = torch.zeros(len(pool.names), dtype=torch.int64) if groups is None else groups
        members = self.groups.bincount()  # [groups]
        most, needed = int(members.max()), sizes.shots + sizes.queries
        smallest = int(pool.counts.argmin())
        if sizes.ways > most:
            holder = "this split" if groups is None else "the largest group of this split"
            raise TaskError(
                f"{where}: an episode of {sizes.ways} ways needs {sizes.ways} classes, {holder} has {most}. "
                f"Ask for at most {most} ways."
            )
        if needed > pool.counts[smallest]:
            raise TaskError(
                f"{where}: {sizes.shots} shots + {sizes.queries} queries need {needed} examples of each class, "
                f"class {pool.names[smallest]} has {int(pool.counts[smallest])}. "
                "Ask for fewer shots or queries, or leave that class out."
            )
        self.pool, self.sizes, self.where = pool, sizes, where
        self.spec = TaskSpec(x_shape=tuple(pool.images.shape[1:]), y_dim=sizes.ways)
        self.common_ways = -int((-members[members > 0]).median())  # half of the groups or more have as many classes
        self._eligible = (members >= sizes.ways).nonzero()[:, 0]  # groups that can fill an episode
        self._starts = pool.counts.cumsum(0) - pool.counts  # [classes], each class's first row in the pool

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """``tasks`` episodes: support ``[tasks, ways * shots, C, H, W]``, query ``[tasks, ways * queries, C, H, W]``,
        with boolean one-hot targets. A pure function of the state of ``generator`` (a CPU generator)."""
        ways, shots, queries = self.sizes.ways, self.sizes.shots, self.sizes.queries
        # The largest of independent random keys are a uniform draw without replacement, in random order;
        # a key of -1 is never among them.
        group = self._eligible[torch.randint(len(self._eligible), (tasks, 1), generator=generator)]
        keys = torch.rand(tasks, len(self.pool.names), generator=generator)
        classes = keys.masked_fill_(self.groups != group, -1.0).topk(ways).indices  # [tasks, ways]
        counts = self.pool.counts[classes][..., None]  # [tasks, ways, 1]
        most = int(self.pool.counts.max())
        keys = torch.rand(tasks, ways, most, generator=generator).masked_fill_(torch.arange(most) >= counts, -1.0)
        rows = self._starts[classes][..., None] + keys.topk(shots + queries).indices  # [tasks, ways, shots + queries]
        support, support_y = self._shuffle(rows[..., :shots], generator)
        query, query_y = self._shuffle(rows[..., shots:], generator)

        images, device = self.pool.images, self.pool.images.device
        chosen = torch.cat([support.flatten(), query.flatten()]).to(device)
        x = images.index_select(0, chosen).float().div_(255)  # faster than one pass of division
        support_x, query_x = torch.split(x, [support.numel(), query.numel()])
        return Task(
            Examples(support_x.reshape(*support.shape, *self.spec.x_shape), support_y.to(device)),
            Examples(query_x.reshape(*query.shape, *self.spec.x_shape), query_y.to(device)),
        )

    def to(self, device: torch.device | str) -> Self:
        """The same episodes with the pool, and so every sample, on ``device``."""
        return type(self)(self.pool.to(device), self.sizes, self.where, self.groups)

    def _shuffle(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows of the pool ``[tasks, ways, n]`` to ``[tasks, ways * n]`` in random order, and their one-hot labels."""
        tasks, ways, n = rows.shape
        order = torch.rand(tasks, ways * n, generator=generator).argsort(1)
        return rows.flatten(1).gather(1, order), one_hot(order // n, ways)
