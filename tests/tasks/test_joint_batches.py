"""Joint mini-batches: all classes of the pool, with fixed labels."""

import torch

from tokay import Sizes
from tokay.tasks import ClassPool, Sinusoid, Source
from tokay.tasks.joint_batches import JointBatches


def numbered_pool() -> ClassPool:
    """Three classes of 2, 3 and 4 examples. The first pixel of a picture is its row, the second its class."""
    counts = torch.tensor([2, 3, 4])
    images = torch.zeros(9, 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(9)
    images[:, 0, 0, 1] = torch.arange(3).repeat_interleave(counts)
    return ClassPool(images, counts, ("a", "b", "c"))


def test_labels_are_the_classes_of_the_pool_and_stay() -> None:
    source = JointBatches(numbered_pool(), Sizes(ways=5, shots=2, queries=3))
    task = source.sample(4, torch.Generator().manual_seed(0))
    assert source.spec.y_dim == 3
    for examples, n in ((task.support, 10), (task.query, 15)):
        assert examples.x.shape == (4, n, 1, 2, 2)
        assert examples.y.shape == (4, n, 3)
        assert examples.y.dtype == torch.bool
        classes = (examples.x[..., 0, 0, 1] * 255).round().long()
        assert torch.equal(examples.y.int().argmax(-1), classes)


def test_every_example_is_drawn_as_often() -> None:
    source = JointBatches(numbered_pool(), Sizes(ways=10, shots=10, queries=10))
    rows = (source.sample(45, torch.Generator().manual_seed(1)).query.x[..., 0, 0, 0] * 255).round().long()
    counts = rows.flatten().bincount(minlength=9).double()
    # 4,500 draws of 9 rows: 500 each, with a standard deviation of 21.
    assert float((counts - 500).abs().max()) < 5 * 21


def test_sampling_is_a_function_of_the_generator() -> None:
    source = JointBatches(numbered_pool(), Sizes())
    one, other, third = (source.sample(2, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.query.x, other.query.x)
    assert not torch.equal(one.query.x, third.query.x)


def test_a_family_of_functions_is_its_own_joint_source() -> None:
    source: Source = Sinusoid()
    sizes = Sizes(ways=1, shots=3, queries=4)
    joint, tasks = source.joint("train", sizes), source.tasks("train", sizes)
    targets = [each.sample(2, torch.Generator().manual_seed(0)).query.y for each in (joint, tasks)]
    assert torch.equal(*targets)


def test_feature_vectors() -> None:
    pool = ClassPool(torch.arange(9.0)[:, None] - 4, torch.tensor([2, 3, 4]), ("a", "b", "c"))
    source = JointBatches(pool, Sizes(ways=3, shots=1, queries=8))
    task = source.sample(2, torch.Generator().manual_seed(0))
    assert source.spec.x_shape == (1,)
    rows = (task.query.x[..., 0] + 4).long()  # [2, 24]
    assert torch.equal(task.query.y.int().argmax(-1), torch.arange(3).repeat_interleave(pool.counts)[rows])
