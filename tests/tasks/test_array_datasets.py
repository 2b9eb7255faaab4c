"""Data sets of torch and of Hugging Face, with and without labels to ask for."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from tokay.errors import ConfigError, TaskError
from tokay.tasks.array_datasets import read_dataset

datasets = pytest.importorskip("datasets")


class Pairs(Dataset[Any]):
    """Items as the caller gives them; ``targets`` only if there are some."""

    def __init__(self, items: list[Any], targets: Any = None) -> None:
        self.items = items
        if targets is not None:
            self.targets = targets

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def read(dataset: Any, size: int | None = None, inputs: str = "x", labels: str = "y") -> tuple[Any, Any]:
    return read_dataset(dataset, inputs, labels, size=size, where="here")


def test_pairs_of_a_torch_data_set() -> None:
    x, labels = read(TensorDataset(torch.arange(6.0).reshape(3, 2), torch.tensor([5, 5, 7])))
    assert x.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert [int(label) for label in labels] == [5, 5, 7]


def test_labels_to_ask_for() -> None:
    pairs: list[Any] = [(np.zeros(2), "wrong"), (np.ones(2), "wrong")]
    assert read(Pairs(pairs, ["a", "b"]))[1] == ["a", "b"]
    assert read(Pairs([np.zeros(2), np.ones(2)], ["a", "b"]))[1] == ["a", "b"]
    assert read(Pairs([{"x": np.zeros(2)}, {"x": np.ones(2)}], ["a", "b"]))[0].shape == (2, 2)


def test_mappings() -> None:
    x, labels = read(Pairs([{"x": [1.0], "y": "a", "z": 0}, {"x": [2.0], "y": "b", "z": 0}]))
    assert (x.tolist(), labels) == ([[1.0], [2.0]], ["a", "b"])


def test_pictures() -> None:
    pictures = [(Image.new("RGB", (8, 6), (10, 20, 30)), 0), (Image.new("RGB", (8, 6)), 1)]
    x, _ = read(Pairs(pictures))
    assert (x.dtype, tuple(x.shape), x[0, :, 0, 0].tolist()) == (torch.uint8, (2, 3, 6, 8), [10, 20, 30])
    pictures.append((Image.new("RGB", (9, 9)), 1))
    with pytest.raises(
        TaskError, match=r"row 0 has \(3, 6, 8\) and that of row 2 \(3, 9, 9\). For pictures say size=32"
    ):
        read(Pairs(pictures))
    assert tuple(read(Pairs(pictures), size=4)[0].shape) == (3, 3, 4, 4)
    assert tuple(read(Pairs([(Image.new("L", (4, 4)), 0)]))[0].shape) == (1, 1, 4, 4)


def test_named_columns_of_hugging_face() -> None:
    features = datasets.Features(
        {"x": datasets.Sequence(datasets.Value("float32")), "y": datasets.ClassLabel(names=["cat", "dog"])}
    )
    data = datasets.Dataset.from_dict({"x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "y": [1, 0, 1]}, features=features)
    x, labels = read(data)
    assert (x.tolist(), labels) == ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], ["dog", "cat", "dog"])
    with pytest.raises(ConfigError, match="the data set has no column image"):
        read(data, inputs="image")
    with pytest.raises(ConfigError, match="must have one part, got train, test"):
        read(datasets.DatasetDict(train=data, test=data))


@pytest.mark.parametrize(
    "dataset, message",
    [
        (iter([1, 2]), "a data set must have len and indices, got list_iterator"),
        (Pairs([(1, 2, 3)]), r"an item must be a pair \(input, label\), that of row 0 is tuple"),
        (Pairs([{"x": 1}]), "row 0 has no y. It has x."),
        (Pairs([]), "there must be examples, got none"),
    ],
)
def test_data_sets_that_do_not_fit(dataset: Any, message: str) -> None:
    with pytest.raises((TaskError, ConfigError), match=message):
        read(dataset)
