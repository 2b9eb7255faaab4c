"""Arrays with labels as a source: from files, from memory, and from the command line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from tokay import ConfigError, Sizes, TaskError, evaluate, train
from tokay.algorithms import MAML, ProtoNet
from tokay.cli.main import main
from tokay.tasks import Arrays

RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.normal(size=(20, 5)) * 3
LABELS = np.repeat(np.arange(20), 10) * 3  # not consecutive
X = (CENTRES[LABELS // 3] + RANDOM.normal(size=(200, 5))).astype(np.float32)
SIZES = Sizes(ways=3, shots=1, queries=2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", x=X, y=LABELS)
    return tmp_path / "data.npz"


def test_classes_are_divided(file: Path) -> None:
    for source in (Arrays(file=str(file)), Arrays.from_arrays(X, LABELS)):
        names = [source.tasks(split, SIZES).pool.names for split in ("train", "validation", "test")]  # type: ignore[arg-type]
        assert [len(part) for part in names] == [13, 3, 4]
        assert len({name for part in names for name in part}) == 20
        assert "13 training, 3 validation and 4 test classes in" in source.describe_classes()
    assert Arrays.from_arrays(X, LABELS, split_seed=1).tasks("test", SIZES).pool.names != names[2]


def test_training_from_memory() -> None:
    source = Arrays.from_arrays(X, LABELS)
    learner = train(ProtoNet(), source, test=SIZES, steps=3, quiet=True)
    assert evaluate(learner.algorithm, learner.net, source.tasks("test", SIZES), tasks=50)["accuracy"].mean > 0.5
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS))
    same = Arrays.from_dataset(dataset)
    assert torch.equal(same.tasks("test", SIZES).pool.stored(), source.tasks("test", SIZES).pool.stored())


def test_a_run_folder_cannot_hold_what_is_in_memory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"it cannot hold arrays in memory. Leave out `out`"):
        train(ProtoNet(), Arrays.from_arrays(X, LABELS), test=SIZES, steps=1, quiet=True, out=tmp_path / "run")
    with pytest.raises(ConfigError, match="in the memory of another process"):
        Arrays(file="in memory").tasks("train", SIZES)


def test_the_command_line(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The network follows the shape of the inputs: mlp for vectors."""
    words = ["--file", str(file), "--ways", "3", "--queries", "2", "--steps", "2", "--train-ways", "3"]
    assert main(["train", "protonet", "arrays", *words, "--out", str(tmp_path / "run")]) == 0
    assert "ProtoNet(metric='euclidean', scale=10.0) on arrays, mlp, cpu" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "run"), "--tasks", "5", "--seen-tasks", "2"]) == 0
    np.savez(file, x=X, y=LABELS + 1)
    assert main(["train", "--resume", str(tmp_path / "run"), "--steps", "4"]) == 2
    assert "needs the training and validation data" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "x, method, name",
    [
        (np.zeros((40, 3, 16, 16), np.uint8), ProtoNet, "conv4-pool"),
        (np.zeros((40, 4)), ProtoNet, "mlp"),
        (np.zeros((40, 16), np.int64), MAML, "ngrams"),
    ],
)
def test_the_network_follows_the_inputs(x: np.ndarray, method: type, name: str) -> None:  # type: ignore[type-arg]
    source = Arrays.from_arrays(x, np.arange(40) % 20, indices=x.dtype == np.int64)
    assert source.network_name(method.network, method.vector_network) == name


def test_small_classes_take_part_where_they_can() -> None:
    labels = LABELS.copy()
    labels[:9] = 3  # class 0 keeps one example
    source = Arrays.from_arrays(X, labels, validation=0, test=0)
    assert "0" not in source.tasks("train", SIZES).pool.names
    assert source.describe_omissions("train", SIZES) == (
        "arrays: left out 1 of 20 training classes, with fewer than 3 examples (0 1)"
    )
    assert len(Arrays.from_arrays(X, labels, skip_small=2, validation=0, test=0).tasks("train", SIZES).pool.names) == 19
    with pytest.raises(ConfigError, match="--skip-small 99 leaves out all 20 classes"):
        Arrays.from_arrays(X, labels, skip_small=99).tasks("train", SIZES)


def test_the_division_of_a_run_stays() -> None:
    source = Arrays.from_arrays(X, LABELS)
    division = {split: source.tasks(split, SIZES).pool.names for split in ("train", "validation", "test")}  # type: ignore[arg-type]
    smaller = Arrays.from_arrays(X[20:], LABELS[20:]).keep_classes(division)  # type: ignore[arg-type]
    assert set(smaller.tasks("train", SIZES).pool.names) == set(division["train"]) - {"0", "3"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"skip_small": -1}, "skip_small must not be negative, got -1"),
        ({"size": 0}, "size must be at least 1 pixel, got 0"),
        ({"test": 1.5}, "fractions that leave classes to train on"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Arrays(file="x.npz", **settings)  # type: ignore[arg-type]


def test_splits_without_classes() -> None:
    with pytest.raises(ConfigError, match="there are no test classes, because test is 0"):
        Arrays.from_arrays(X, LABELS, test=0).tasks("test", SIZES)
    with pytest.raises(TaskError, match="need 13 examples of each of 3 classes"):
        Arrays.from_arrays(X, LABELS).tasks("test", Sizes(ways=3, shots=3, queries=10))
