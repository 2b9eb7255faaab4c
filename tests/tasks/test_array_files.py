"""Files of arrays: every kind is read, none is executed, damage is one line."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tokay.errors import ConfigError, DataError, TokayError
from tokay.tasks.array_files import read_arrays
from tokay.tasks.array_pools import label_names

X, Y = np.arange(12.0, dtype=np.float32).reshape(6, 2), np.array([0, 0, 1, 1, 2, 2])


def write(folder: Path, kind: str) -> Path:
    path = folder / f"data.{kind}"
    if kind == "npz":
        np.savez(path, x=X, y=Y)
    elif kind == "safetensors":
        save_file({"x": torch.from_numpy(X), "y": torch.from_numpy(Y)}, path)
    elif kind == "npy":
        path.mkdir()
        np.save(path / "x.npy", X)
        np.save(path / "y.npy", Y)
    else:
        datasets = pytest.importorskip("datasets")
        datasets.Dataset.from_dict({"x": X.tolist(), "y": Y.tolist()}).save_to_disk(path)
    return path


@pytest.mark.parametrize("kind", ["npz", "safetensors", "npy", "hf"])
def test_every_kind(tmp_path: Path, kind: str) -> None:
    x, y = read_arrays(write(tmp_path, kind), "x", "y", size=None, where="here")
    assert np.asarray(x).tolist() == X.tolist()
    assert label_names(y, "here") == ["0", "0", "1", "1", "2", "2"]


@pytest.mark.parametrize("kind", ["npz", "safetensors", "npy", "hf"])
def test_an_array_that_is_not_there(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"has no (array|file|column) z") as caught:
        read_arrays(write(tmp_path, kind), "x", "z", size=None, where="here")
    assert "x" in str(caught.value).partition("It has")[2]


def test_maps_are_not_read(tmp_path: Path) -> None:
    assert isinstance(read_arrays(write(tmp_path, "npy"), "x", "y", size=None, where="here")[0], np.memmap)


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_damage_is_one_line(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    content = path.read_bytes()
    for length in range(0, len(content) - 8, max(1, len(content) // 9)):
        path.write_bytes(content[:length])
        with pytest.raises(TokayError) as caught:
            read_arrays(path, "x", "y", size=None, where="here")
        assert "\n" not in str(caught.value)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("kind", ["npz", "pt", "npy"])
def test_a_pickle_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"data.{kind}"
    bombs = np.array([Bomb()], dtype=object)
    if kind == "npz":
        np.savez(path, x=bombs, y=bombs)
    elif kind == "pt":
        path.write_bytes(pickle.dumps({"x": Bomb(), "y": 0}))
    else:
        path.mkdir()
        np.save(path / "x.npy", bombs)
        np.save(path / "y.npy", bombs)
    with pytest.raises(TokayError, match=r"cannot be read|can hold code that reading it would run"):
        read_arrays(path, "x", "y", size=None, where="here")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1,2")
    with pytest.raises(ConfigError, match=r"file must be .npz, .* got x.csv"):
        read_arrays(tmp_path / "x.csv", "x", "y", size=None, where="here")
    with pytest.raises(DataError, match="No such file"):
        read_arrays(tmp_path / "y.npz", "x", "y", size=None, where="here")
