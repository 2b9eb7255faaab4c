"""The sizes of training episodes where the user gives none: those of the method's paper, capped at what the data has."""

from dataclasses import replace
from typing import Any

from ..core.algorithm import Algorithm
from ..core.task import Sizes, Split, TaskSource, TaskSpec
from ..errors import TaskError
from ..tasks import Source
from ..tasks.class_pool import Pooled
from .run import Run


def spec_of_test_tasks(source: Source, test: Sizes) -> TaskSpec:
    """What test tasks look like. If the source has no test classes, its training tasks say so."""
    has_test = source.has_split("test")
    spec = source.tasks(*(("test", test) if has_test else ("train", Sizes(ways=1, shots=1, queries=1)))).spec
    return replace(spec, y_dim=test.ways) if spec.kind == "classification" else spec


def sizes_of_test_tasks(source: Source, sizes: Sizes | None = None) -> Sizes:
    """The sizes of test tasks: ``sizes``, by default those that the source is usually tested with.

    Only tasks with classes have ``ways``; the others get 1.

    >>> from tokay.tasks import Sinusoid
    >>> sizes_of_test_tasks(Sinusoid())
    Sizes(ways=1, shots=10, queries=10)
    """
    if source.kind == "classification":
        return sizes or with_ways_of_splits(source, source.test_sizes)
    if source.kind == "sequence":
        return Sizes(ways=1, shots=(sizes or source.test_sizes).shots)
    return replace(sizes or Sizes(shots=10, queries=10), ways=1)


def with_ways_of_splits(source: Source, sizes: Sizes) -> Sizes:
    """``sizes`` with fewer ways if the validation or the test classes of ``source`` are fewer; two at least.

    For sizes that nobody chose: a folder of 26 classes holds out 4 for validation, which make no tasks of 5 ways. Sources
    with sizes of their own, such as the official runs of Omniglot, keep them.
    """
    if source.test_sizes != Sizes():
        return sizes
    splits: list[Split] = [split for split in ("validation", "test") if source.has_split(split)]
    fewest = min((most_ways(source, sizes, split) for split in splits), default=sizes.ways)
    return replace(sizes, ways=max(2, min(sizes.ways, fewest)))


def is_episodic(algorithm: Algorithm[Any]) -> bool:
    """Whether the method trains on episodes."""
    return algorithm.learns and not algorithm.joint


def training_sizes(
    algorithm: Algorithm[Any],
    source: Source,
    test: Sizes,
    spec: TaskSpec,
    *,
    ways: int | None = None,
    shots: int | None = None,
    queries: int | None = None,
) -> Sizes:
    """The sizes of training episodes, if test tasks have the sizes ``test`` and look like ``spec``.

    ``ways``, ``shots`` and ``queries`` are those that the user set. The others come from the method's paper, capped at
    what the training classes of ``source`` have, and at the pixels of a step that ``source`` allows.
    """
    sizes = algorithm.training_sizes_for(test, spec)
    has_classes = source.kind == "classification" and is_episodic(algorithm)
    sizes = replace(
        sizes,
        ways=sizes.ways if ways is None else ways,
        shots=sizes.shots if shots is None else shots,
        queries=sizes.queries if queries is None else queries,
    )
    if has_classes and queries is None:
        sizes = _cap_queries(sizes, source)
    if has_classes and ways is None and algorithm.any_ways:
        most = min(most_ways(source, sizes), affordable_ways(algorithm, source, sizes, spec))
        sizes = replace(sizes, ways=max(test.ways, min(sizes.ways, most)))
    return sizes


def most_ways(source: Source, sizes: Sizes, split: Split = "train") -> int:
    """Those of the classes that can fill a task of ``sizes``; if none can, of all: ``training_tasks`` says what is wrong."""
    try:
        return source.most_ways(split, sizes.shots + sizes.queries)
    except TaskError:
        return source.most_ways(split)


def training_tasks(run: Run, *, advice: str) -> TaskSource:
    """The training tasks of ``run``, whose training sizes are default ones.

    Raises ``TaskError`` if they do not fit the data: it says where the sizes come from, and ends with ``advice``.
    """
    try:
        return run.tasks("train")
    except TaskError as error:
        if run.train == run.test:
            raise
        sizes = f"{run.train.ways} ways, {run.train.shots} shots and {run.train.queries} queries"
        raise TaskError(
            f"{error} Training episodes have {sizes}, the default of {run.algorithm.name}. {advice}"
        ) from error


def affordable_ways(algorithm: Algorithm[Any], source: Source, sizes: Sizes, spec: TaskSpec) -> int:
    """The number of ways with which a training step has at most ``source.pixels_per_step`` pixels.

    That of ``sizes`` if the source sets no limit, or its inputs are no pictures.
    """
    if source.pixels_per_step is None or len(spec.x_shape) != 3:
        return sizes.ways
    pictures = algorithm.meta_batch * (sizes.shots + sizes.queries)  # per class
    return source.pixels_per_step // (pictures * spec.x_shape[1] * spec.x_shape[2])


def _cap_queries(sizes: Sizes, source: Source) -> Sizes:
    """Cap the number of queries, which comes from a paper, at what nine tenths of the classes have beside the shots.

    So a few small classes do not cost the others their queries: the source leaves them out. If it does not, the cap is what
    the smallest class has.
    """
    tasks = source.tasks("train", Sizes(ways=1, shots=1, queries=1))
    if not isinstance(tasks, Pooled):
        return sizes
    counts = tasks.pool.counts.sort().values
    most, fewest = (
        max(1, min(sizes.queries, int(count) - sizes.shots)) for count in (counts[len(counts) // 10], counts[0])
    )
    try:
        source.tasks("train", replace(sizes, ways=1, queries=most))
    except TaskError:
        most = fewest
    return replace(sizes, queries=most)
