"""Files of arrays: inputs and labels in one file or folder. Nothing in them is executed."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..errors import ConfigError, DataError
from .array_datasets import read_dataset

_ENDINGS = ".npz, .safetensors, a folder with NAME.npy files, or one that datasets.save_to_disk wrote"


def read_arrays(path: Path, inputs: str, labels: str, *, size: int | None, where: str) -> tuple[Any, Any]:
    """The arrays ``inputs`` and ``labels`` in ``path``. Those in .npy files are mapped into memory, not read.

    Raises ``DataError`` if the file cannot be read, and ``ConfigError`` if it has no such array.
    """
    if not path.exists():
        raise DataError(f"{where}: {path} cannot be read (No such file or directory). Check the path.")
    try:
        if path.is_dir() and ((path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists()):
            return read_dataset(_load_dataset(path, where), inputs, labels, size=size, where=where)
        names = (inputs, labels)
        arrays = {name: _map(path, name, where) for name in names} if path.is_dir() else _read_file(path, where)
    except (OSError, ValueError, RuntimeError, EOFError, KeyError, SafetensorError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError | ConfigError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{where}: {path} cannot be read ({reason}). Its kinds: {_ENDINGS}.") from error
    for name in (inputs, labels):
        if name not in arrays:
            raise ConfigError(f"{where}: {path} has no array {name}. It has {', '.join(arrays) or 'none'}.")
    return arrays[inputs], arrays[labels]


def _read_file(path: Path, where: str) -> dict[str, Any]:
    if path.suffix == ".npz":
        with (
            path.open("rb") as stream,
            np.load(stream, allow_pickle=False) as content,
        ):  # a damaged file stays open otherwise
            return {name: content[name] for name in content.files}
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as content:
            return {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  # no mapping
    if path.suffix in (".pt", ".pth", ".pkl", ".pickle"):
        raise ConfigError(
            f"{where}: {path.name} can hold code that reading it would run. Save tensors with safetensors.torch.save_file."
        )
    raise ConfigError(f"{where}: file must be {_ENDINGS}, got {path.name}.")


def _map(folder: Path, name: str, where: str) -> Any:
    file = folder / f"{name}.npy"
    if not file.exists():
        names = [entry.name for entry in sorted(folder.glob("*.npy"))]
        raise ConfigError(
            f"{where}: {folder} has no file {name}.npy. It has {', '.join(names) or 'none of that kind'}."
        )
    return np.load(file, mmap_mode="c", allow_pickle=False)  # c: writable in memory alone, which torch asks for


def _load_dataset(path: Path, where: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(
            f"{where}: a Hugging Face data set needs the package datasets. Run pip install 'tokay[hf]'."
        ) from error
    content = datasets.load_from_disk(str(path))
    if isinstance(content, datasets.DatasetDict):  # parts of other divisions than ours: classes are divided anew
        return datasets.concatenate_datasets(list(content.values()))
    return content
