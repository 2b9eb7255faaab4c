"""Episodes of pictures whose pixels encode their row number: a simple oracle."""

import time
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tokay.core.task import Sizes, Task, check_task
from tokay.errors import TaskError
from tokay.tasks import ClassPool, Episodes
from tokay.tasks.joint_batches import JointBatches


def numbered_pool(counts: Sequence[int]) -> ClassPool:
    """Images [n, 1, 1, 3]: the row number in base 256, so that a sample shows its rows."""
    rows = torch.arange(sum(counts))
    digits = torch.stack([rows % 256, rows // 256 % 256, rows // 65536], 1).to(torch.uint8)
    return ClassPool(digits[:, None, None, :], torch.tensor(list(counts)), tuple(f"c{i}" for i in range(len(counts))))


def row_numbers(x: Tensor) -> Tensor:
    return ((x * 255).round().long() * torch.tensor([1, 256, 65536])).sum(-1).squeeze(-1).squeeze(-1)


def class_of(rows: Tensor, counts: Sequence[int]) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(list(counts)))[rows]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(counts: Sequence[int], sizes: Sizes, tasks: int, seed: int = 0) -> Task:
    return Episodes(numbered_pool(counts), sizes).sample(tasks, generator(seed))


@st.composite
def episodes(draw: st.DrawFn) -> tuple[list[int], Sizes]:
    counts = draw(st.lists(st.integers(2, 9), min_size=1, max_size=12))
    shots = draw(st.integers(1, min(counts) - 1))
    queries = draw(st.integers(1, min(counts) - shots))
    return counts, Sizes(ways=draw(st.integers(1, len(counts))), shots=shots, queries=queries)


@settings(max_examples=80)
@given(episodes(), st.integers(1, 6), st.integers(0, 2**31))
def test_an_episode_never_leaks(setting: tuple[list[int], Sizes], tasks: int, seed: int) -> None:
    counts, sizes = setting
    source = Episodes(numbered_pool(counts), sizes)
    task = source.sample(tasks, generator(seed))
    check_task(task, source.spec, where="test")
    for index in range(tasks):
        used_rows: list[int] = []
        labels: dict[int, int] = {}
        for (x, y), per_class in ((task.support, sizes.shots), (task.query, sizes.queries)):
            assert y.dtype == torch.bool
            assert x.dtype == torch.float32
            assert y.shape[1:] == (sizes.ways * per_class, sizes.ways)
            assert (y[index].sum(0) == per_class).all()
            assert (y[index].sum(1) == 1).all()
            rows = row_numbers(x[index])
            used_rows += rows.tolist()
            for label, owner in zip(y[index].int().argmax(1).tolist(), class_of(rows, counts).tolist(), strict=True):
                assert labels.setdefault(label, owner) == owner
        assert len(set(used_rows)) == len(used_rows) == sizes.ways * (sizes.shots + sizes.queries)
        assert len(set(labels.values())) == len(labels) == sizes.ways


def test_sampling_is_a_pure_function_of_the_generator() -> None:
    counts, sizes = [4, 5, 6, 7], Sizes(ways=3, shots=1, queries=2)
    previous = torch.random.get_rng_state()
    first, again, other = draw(counts, sizes, 8), draw(counts, sizes, 8), draw(counts, sizes, 8, seed=1)
    assert torch.equal(torch.random.get_rng_state(), previous)
    assert torch.equal(first.support.x, again.support.x)
    assert torch.equal(first.query.y, again.query.y)
    assert not torch.equal(first.support.x, other.support.x)
    source, shared = Episodes(numbered_pool(counts), sizes), generator()
    assert not torch.equal(source.sample(8, shared).support.x, source.sample(8, shared).support.x)


def test_values_are_the_pool_s_divided_by_255() -> None:
    images = torch.arange(0, 256, dtype=torch.uint8).reshape(2, 2, 8, 8)
    task = Episodes(ClassPool(images, torch.tensor([2]), ("only",)), Sizes(ways=1, shots=1, queries=1)).sample(
        20, generator()
    )
    both = torch.cat([task.support.x, task.query.x], 1).sum(1)
    assert torch.allclose(both, (images.float() / 255).sum(0).expand_as(both))
    assert task.support.x.max() == 1.0 or task.query.x.max() == 1.0


def within_five_sigma(observed: Tensor, trials: int, probability: float) -> bool:
    sigma = (trials * probability * (1 - probability)) ** 0.5
    return bool(((observed - trials * probability).abs() < 5 * sigma).all())


def test_every_class_label_position_and_example_is_equally_likely() -> None:
    counts, tasks = [3, 8, 5, 4], 4000
    task = draw(counts, Sizes(ways=2, shots=1, queries=2), tasks)
    rows = row_numbers(task.query.x)  # [tasks, 4]
    labels = task.query.y.int().argmax(-1)
    first_of_label_0 = class_of(rows, counts)[labels == 0].reshape(tasks, 2)[:, 0]
    assert within_five_sigma(first_of_label_0.bincount(minlength=4), tasks, 1 / 4)
    draws = rows.flatten().bincount(minlength=sum(counts))
    for owner, count in enumerate(counts):  # a class is drawn in 2 of 4 cases, with 2 examples
        own_draws = draws[sum(counts[:owner]) : sum(counts[: owner + 1])]
        assert within_five_sigma(own_draws, tasks, 2 / 4 * 2 / count)
    # The position of a row must not reveal its label.
    assert within_five_sigma((labels == 0).sum(0), tasks, 1 / 2)


def test_support_rows_of_a_class_do_not_stand_together() -> None:
    labels = draw([20] * 5, Sizes(ways=5, shots=10, queries=1), 50).support.y.int().argmax(-1)
    neighbours_agree = (labels[:, 1:] == labels[:, :-1]).float().mean()
    assert 0.1 < neighbours_agree < 0.26  # 9/49 = 0.18 when shuffled, 0.92 when grouped


def test_groups_confine_an_episode() -> None:
    groups = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    counts = [3] * 8
    source = Episodes(numbered_pool(counts), Sizes(ways=3, shots=1, queries=1), groups=groups)
    owners = class_of(row_numbers(source.sample(400, generator()).query.x), counts)
    drawn_groups = groups[owners]
    assert (drawn_groups == drawn_groups[:, :1]).all()
    per_group = drawn_groups[:, 0].bincount(minlength=3)
    assert per_group[1] == 0  # it has only two classes
    assert within_five_sigma(per_group[[0, 2]], 400, 1 / 2)


def test_samples_lie_where_the_pool_lies() -> None:
    source = Episodes(numbered_pool([3, 3, 3]), Sizes(ways=2, shots=1, queries=2)).to("meta")
    task = source.sample(4, generator())
    assert {t.device.type for part in task for t in part} == {"meta"}
    assert task.query.x.shape == (4, 4, 1, 1, 3)
    assert task.query.y.shape == (4, 4, 2)


def test_spec_is_what_a_network_needs() -> None:
    pool = ClassPool(torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.tensor([2, 2, 2]), ("a", "b", "c"))
    spec = Episodes(pool, Sizes(ways=3, shots=1, queries=1)).spec
    assert (spec.x_shape, spec.y_dim, spec.kind) == ((3, 8, 8), 3, "classification")


def test_too_many_ways() -> None:
    with pytest.raises(TaskError) as caught:
        Episodes(numbered_pool([5, 5]), Sizes(ways=5), "omniglot (test)")
    assert str(caught.value) == (
        "omniglot (test): an episode of 5 ways needs 5 classes, this split has 2. Ask for at most 2 ways, or hold "
        "out more classes."
    )


def test_too_many_ways_for_every_group() -> None:
    with pytest.raises(
        TaskError, match=r"4 ways needs 4 classes, the largest group of this split has 3. Ask for at most 3"
    ):
        Episodes(numbered_pool([5] * 5), Sizes(ways=4, queries=1), groups=torch.tensor([0, 0, 0, 1, 1]))


def test_too_many_examples_names_the_smallest_class() -> None:
    with pytest.raises(TaskError) as caught:
        Episodes(numbered_pool([20, 7, 20]), Sizes(ways=2, shots=3, queries=5), "images (train)")
    assert str(caught.value) == (
        "images (train): 3 shots + 5 queries need 8 examples of each class, class c1 has 7. "
        "Ask for fewer shots or queries, or remove that class."
    )
    Episodes(numbered_pool([20, 8, 20]), Sizes(ways=2, shots=3, queries=5))


def test_subset_keeps_each_class_whole() -> None:
    pool = numbered_pool([2, 3, 4]).subset(["c2", "c0"])
    assert pool.names == ("c2", "c0")
    assert pool.counts.tolist() == [4, 2]
    assert pool.stored()[:, 0, 0, 0].tolist() == [5, 6, 7, 8, 0, 1]


IMAGES = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)


@pytest.mark.parametrize(
    "images, counts, names, message",
    [
        (IMAGES[:0], [], (), "at least one class, got none"),
        (IMAGES.int(), [4], ("a",), r"must be uint8 \[examples, C, H, W\] .* got torch.int32 \[4, 1, 2, 2\]"),
        (IMAGES[:, 0], [4], ("a",), r"got torch.uint8 \[4, 2, 2\]"),
        (IMAGES, [3], ("a",), "counts must sum to 4 images of 1 classes, got 3 images of 1 classes"),
        (IMAGES, [4], ("a", "b"), "counts must sum to 4 images of 2 classes, got 4 images of 1 classes"),
        (IMAGES, [2, 2], ("a", "a"), "names must be distinct"),
        (IMAGES, [0, 4], ("a", "b"), "class a has no example"),
    ],
)
def test_a_pool_must_fit_together(images: Tensor, counts: list[int], names: tuple[str, ...], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ClassPool(images, torch.tensor(counts, dtype=torch.int64), names)


def test_a_batch_costs_a_few_milliseconds() -> None:
    """Limit: 9 ms on one thread. The best of many runs excludes the influence of other processes."""
    pool = ClassPool(
        torch.zeros(88_000, 1, 28, 28, dtype=torch.uint8), torch.full((4400,), 20), tuple(map(str, range(4400)))
    )
    source, shared = Episodes(pool, Sizes(ways=5, shots=1, queries=1)), generator()
    durations = []
    for _ in range(30):
        start = time.perf_counter()
        source.sample(32, shared)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.009


@pytest.mark.parametrize(
    "groups, ways", [(None, 6), ([0] * 6, 6), ([0, 1, 1, 1, 1, 1], 5), ([0, 1, 1, 2, 2, 2], 2), ([3, 3, 3, 0, 0, 0], 3)]
)
def test_ways_that_half_of_the_groups_have(groups: list[int] | None, ways: int) -> None:
    pool = ClassPool(torch.zeros(12, 1, 2, 2, dtype=torch.uint8), torch.full((6,), 2), tuple("abcdef"))
    grouped = None if groups is None else torch.tensor(groups)
    assert Episodes(pool, Sizes(ways=1, shots=1, queries=1), groups=grouped).common_ways == ways


@pytest.mark.parametrize("shape", [(32,), (3, 8), (1, 4, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_a_pool_of_floats(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Feature vectors, series, scaled pictures: the values of a row come out as they are."""
    values = torch.arange(60.0).sub_(30)
    pool = ClassPool(
        values.reshape(60, *[1] * len(shape)).expand(60, *shape).to(dtype), torch.full((6,), 10), tuple("abcdef")
    )
    source = Episodes(pool, Sizes(ways=4, shots=2, queries=3))
    task = source.sample(5, generator())
    check_task(task, source.spec, where="test")
    assert source.spec.x_shape == shape
    assert task.query.x.shape == (5, 12, *shape)
    assert task.query.x.dtype == torch.float32
    rows = task.query.x.flatten(2)[..., 0] + 30
    assert (rows == rows.round()).all()
    owners = rows // 10  # [tasks, queries], the class of each query
    for labels, classes in zip(task.query.y.int().argmax(-1), owners, strict=True):
        assert len(set(zip(labels.tolist(), classes.tolist(), strict=True))) == 4


@pytest.mark.parametrize(
    "images, message",
    [
        (torch.zeros(6, 4, dtype=torch.uint8), r"got torch.uint8 \[6, 4\]. Convert them with .float\(\)"),
        (torch.zeros(6, 4, dtype=torch.int64), r"got torch.int64 \[6, 4\]. Convert them with .float\(\)"),
        (torch.zeros(6), r"got torch.float32 \[6\]. Convert them with .float\(\), or add the missing axes"),
        (torch.full((6, 4), torch.nan), "examples must be finite, got NaN or infinity. Clean or impute them first"),
    ],
)
def test_what_a_pool_cannot_hold(images: Tensor, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ClassPool(images, torch.tensor([3, 3]), ("a", "b"))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_a_pool_of_indices(dtype: torch.dtype) -> None:
    """The spec says so, the inputs are int64, and the hashes of the classes go with them."""
    rows = torch.arange(12, dtype=dtype)[:, None].expand(12, 3)
    pool = ClassPool(rows, torch.tensor([4, 4, 4]), ("a", "b", "c"), "integer", ("1", "2", "3"))
    source = Episodes(pool.subset(["c", "a"]), Sizes(ways=2, shots=1, queries=2))
    assert source.pool.hashes == ("3", "1")
    task = source.sample(4, generator())
    check_task(task, source.spec, where="test")
    assert source.spec.x_type == "integer"
    assert task.support.x.dtype == torch.int64
    assert set(task.query.x.flatten().tolist()) <= {0, 1, 2, 3, 8, 9, 10, 11}
    joint = JointBatches(pool, Sizes(ways=2, shots=1, queries=2))
    check_task(joint.sample(2, generator()), joint.spec, where="test", every_class=False)


@pytest.mark.parametrize(
    "images, message",
    [
        (torch.zeros(3, 4), r"must be int64 \[examples, ...\], as x_type=\"integer\" says, got torch.float32 \[3, 4\]"),
        (torch.zeros(3, 4, dtype=torch.uint8), "got torch.uint8"),
        (torch.zeros(3, dtype=torch.int64), "or add the missing axes"),
    ],
)
def test_what_a_pool_of_indices_cannot_hold(images: Tensor, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ClassPool(images, torch.tensor([3]), ("a",), "integer")
