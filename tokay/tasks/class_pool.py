"""The examples of many classes in one tensor, and few-shot episodes drawn from them with one gather per batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from ..core.task import Examples, InputType, Sizes, Task, TaskSource, TaskSpec, one_hot
from ..errors import TaskError


@dataclass(frozen=True, eq=False)  # tensors cannot be compared with ==
class ClassPool:
    """The examples of some classes. The examples of one class are numbered one after the other.

    ``images`` holds pictures (uint8 ``[examples, C, H, W]``), or anything else as floats ``[examples, ...]``: feature
    vectors, spectra, pictures that are scaled already. With ``x_type="integer"`` it holds indices ``[examples, ...]``, for a
    network that begins with an ``nn.Embedding``. They may lie in a file that is mapped into memory: only the examples of
    a task are read. ``order`` says where each example lies, so that a part of the classes needs no copy.

    Raises ``TaskError`` if the pool is empty, if shapes, dtypes and counts do not fit together, or if a float is not finite.

    >>> pool = ClassPool(torch.zeros(5, 1, 28, 28, dtype=torch.uint8), torch.tensor([2, 3]), ("alpha", "beta"))
    >>> pool.subset(["beta"]).counts.tolist()
    [3]
    """

    images: Tensor  # uint8 [examples, C, H, W], or floats [examples, ...]
    counts: Tensor  # int64 [classes], examples of each class
    names: tuple[str, ...]  # one per class
    x_type: InputType = "float"
    # One per class, of the raw data, if ``images`` may differ in the last bits; else empty.
    hashes: tuple[str, ...] = ()
    order: Tensor | None = None  # int64 [examples], the row of ``images`` of each example; None: they stand in order

    def __post_init__(self) -> None:
        if not self.names:
            raise TaskError("ClassPool: there must be at least one class, got none.")
        self._check_images()
        examples = len(self.images if self.order is None else self.order)
        if len(self.counts) != len(self.names) or int(self.counts.sum()) != examples:
            raise TaskError(
                f"ClassPool: counts must sum to {examples} images of {len(self.names)} classes, "
                f"got {int(self.counts.sum())} images of {len(self.counts)} classes."
            )
        if len(set(self.names)) < len(self.names):
            raise TaskError("ClassPool: names must be distinct, two classes share one. Rename one of them.")
        if int(self.counts.min()) < 1:
            raise TaskError(f"ClassPool: class {self.names[int(self.counts.argmin())]} has no example. Remove it.")

    def _check_images(self) -> None:
        kind = f"{self.images.dtype} {list(self.images.shape)}"
        if self.x_type == "integer":
            if self.images.dtype not in (torch.int32, torch.int64) or self.images.ndim < 2:
                raise TaskError(
                    f'ClassPool: images must be int64 [examples, ...], as x_type="integer" says, got {kind}. '
                    "Convert them with .long(), or add the missing axes."
                )
            return
        is_picture = self.images.dtype == torch.uint8 and self.images.ndim == 4
        if not is_picture and not (self.images.is_floating_point() and self.images.ndim > 1):
            raise TaskError(
                "ClassPool: images must be uint8 [examples, C, H, W] with values 0..255, or floats [examples, ...], got "
                f"{kind}. Convert them with .float(), or add the missing axes."
            )
        if not is_picture and not bool(torch.isfinite(self.images).all()):
            raise TaskError("ClassPool: examples must be finite, got NaN or infinity. Clean or impute them first.")

    def subset(self, names: Sequence[str]) -> "ClassPool":
        """The classes of ``names``, in this order. It shares the memory. Raises ``KeyError`` for an unknown name."""
        number = {name: index for index, name in enumerate(self.names)}
        classes = [number[name] for name in names]
        order = torch.arange(len(self.images)) if self.order is None else self.order
        groups = torch.split(order, self.counts.tolist())
        order = torch.cat([groups[c] for c in classes]) if classes else order[:0]
        hashes = tuple(self.hashes[c] for c in classes) if self.hashes else ()
        return replace(self, counts=self.counts[classes], names=tuple(names), hashes=hashes, order=order)

    def stored(self, rows: Tensor | slice = slice(None)) -> Tensor:
        """The examples ``rows`` as they are stored, uint8 or other numbers; all of them by default."""
        return self.images[rows] if self.order is None else self.images[self.order[rows].to(self.images.device)]

    def inputs(self, rows: Tensor) -> Tensor:
        """The examples at ``rows`` (int64 ``[n]``) as float32 on the device of the pool. Pictures are scaled to [0, 1].

        Indices (``x_type="integer"``) are int64.
        """
        rows = rows if self.order is None else self.order[rows]
        x = self.images.index_select(0, rows.to(self.images.device))
        if self.x_type == "integer":
            return x.long()
        return x.float().div_(255) if x.dtype == torch.uint8 else x.float()  # in place: faster than one that allocates

    def to(self, device: torch.device | str) -> "ClassPool":
        """The same pool with its images on ``device``. The counts stay on the CPU, because tasks are drawn there."""
        if torch.device(device) == self.images.device:
            return self
        return replace(self, images=self.stored().to(device), order=None)


@runtime_checkable
class Pooled(TaskSource, Protocol):
    """A source that draws its tasks from the classes of one pool, such as `Episodes`."""

    pool: ClassPool  # all classes of the split
    common_ways: int  # at least half of the groups have this many classes


class Episodes:
    """Few-shot classification tasks from a pool.

    An episode has ``ways`` different classes, drawn uniformly. Each class has ``shots`` support examples and
    ``queries`` query examples, all different. Inputs are float32 on the device of the pool; pictures are in [0, 1],
    indices are int64.

    Labels and rows come in random order. So neither the class nor the position of a row reveals its label, and a
    mini-batch of the support set mixes classes.

    ``groups`` (int64 [classes], for example the alphabet of each character) restricts every episode to the classes of
    one group. The group is drawn uniformly from those with at least ``ways`` classes.

    Raises ``TaskError``, with ``where`` at its start, if the pool (or every group) has too few classes, or a class has
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
                f"{f'Ask for at most {most} ways, or hold out more classes.' if most > 1 else 'Add classes.'}"
            )
        if needed > pool.counts[smallest]:
            raise TaskError(
                f"{where}: {sizes.shots} shots + {sizes.queries} queries need {needed} examples of each class, "
                f"class {pool.names[smallest]} has {int(pool.counts[smallest])}. "
                "Ask for fewer shots or queries, or remove that class."
            )
        self.pool, self.sizes, self.where = pool, sizes, where
        self.spec = TaskSpec(x_shape=tuple(pool.images.shape[1:]), y_dim=sizes.ways, x_type=pool.x_type)
        self.common_ways = -int((-members[members > 0]).median())  # at least half of the groups have this many classes
        self._eligible = (members >= sizes.ways).nonzero()[:, 0]  # groups that can fill an episode
        self._starts = pool.counts.cumsum(0) - pool.counts  # [classes], each class's first row in the pool

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` episodes: support ``[tasks, ways * shots, ...]``, query ``[tasks, ways * queries, ...]``.

        The targets are boolean one-hot rows. The sample depends only on the state of ``generator`` (a CPU generator).
        """
        ways, shots, queries = self.sizes.ways, self.sizes.shots, self.sizes.queries
        # The k largest of independent random keys are a uniform draw without replacement, in random order.
        # A key of -1 is never one of them.
        group = self._eligible[torch.randint(len(self._eligible), (tasks, 1), generator=generator)]
        keys = torch.rand(tasks, len(self.pool.names), generator=generator)
        classes = keys.masked_fill_(self.groups != group, -1.0).topk(ways).indices  # [tasks, ways]
        counts = self.pool.counts[classes][..., None]  # [tasks, ways, 1]
        most = int(self.pool.counts.max())
        keys = torch.rand(tasks, ways, most, generator=generator).masked_fill_(torch.arange(most) >= counts, -1.0)
        rows = self._starts[classes][..., None] + keys.topk(shots + queries).indices  # [tasks, ways, shots + queries]
        support, support_y = self._shuffle(rows[..., :shots], generator)
        query, query_y = self._shuffle(rows[..., shots:], generator)

        device = self.pool.images.device
        x = self.pool.inputs(torch.cat([support.flatten(), query.flatten()]))
        support_x, query_x = torch.split(x, [support.numel(), query.numel()])
        return Task(
            Examples(support_x.reshape(*support.shape, *self.spec.x_shape), support_y.to(device)),
            Examples(query_x.reshape(*query.shape, *self.spec.x_shape), query_y.to(device)),
        )

    def to(self, device: torch.device | str) -> Self:
        """The same episodes with the pool on ``device``. Samples are made there."""
        return type(self)(self.pool.to(device), self.sizes, self.where, self.groups)

    def _shuffle(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Brings rows ``[tasks, ways, n]`` of the pool into random order ``[tasks, ways * n]``. Also returns one-hot labels."""
        tasks, ways, n = rows.shape
        order = torch.rand(tasks, ways * n, generator=generator).argsort(1)
        return rows.flatten(1).gather(1, order), one_hot(order // n, ways)
