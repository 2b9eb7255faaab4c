"""Data sets of torch and of Hugging Face as arrays: inputs and labels."""

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ..errors import ConfigError, TaskError
from .array_pools import stack_examples
from .image_decoding import to_pixels
from .progress_bars import show_progress


def read_dataset(dataset: Any, inputs: str, labels: str, *, size: int | None, where: str) -> tuple[Any, Any]:
    """The inputs and labels of a data set.

    - A ``datasets.Dataset`` of Hugging Face: the columns ``inputs`` and ``labels``. Labels become their names.
    - Any object with ``len`` and indices, such as a ``torch.utils.data.Dataset``: its items are pairs ``(x, label)``, or
      mappings with the keys ``inputs`` and ``labels``. If it has ``targets`` or ``labels``, these are the labels.

    Pictures of PIL become uint8 ``[C, H, W]``; with ``size``, squares of that side (see `tokay.tasks.Images`).
    Raises ``TaskError`` or ``ConfigError`` for a data set that cannot be used.
    """
    if isinstance(getattr(dataset, "column_names", None), dict):
        parts = ", ".join(dataset.column_names)
        raise ConfigError(f"{where}: a data set must have one part, got {parts}. Take one, or concatenate them.")
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise ConfigError(
            f"{where}: a data set must have len and indices, got {type(dataset).__name__}. Load it whole first."
        )
    if hasattr(dataset, "column_names") and hasattr(dataset, "features"):
        return _read_columns(dataset, inputs, labels, size, where)
    own = next((getattr(dataset, name) for name in ("targets", "labels") if _is_per_example(dataset, name)), None)
    examples, label_list = [], []
    for row in show_progress(range(len(dataset)), "Reading examples", len(dataset)):
        x, label = _split_item(dataset[row], inputs, labels, own is not None, row, where)
        examples.append(_as_array(x, size))
        label_list.append(label)
    return stack_examples(examples, where), label_list if own is None else own


def _read_columns(dataset: Any, inputs: str, labels: str, size: int | None, where: str) -> tuple[Any, Any]:
    names = dataset.column_names
    for name in (inputs, labels):
        if name not in names:
            raise ConfigError(f"{where}: the data set has no column {name}. It has {', '.join(names)}.")
    numbers = dataset[labels]
    class_names = getattr(dataset.features[labels], "names", None)
    label_list = [
        class_names[number] if class_names and number is not None and number >= 0 else number for number in numbers
    ]
    column = dataset.select_columns([inputs])
    rows = show_progress(range(len(dataset)), "Reading examples", len(dataset))
    return stack_examples([_as_array(column[row][inputs], size) for row in rows], where), label_list


def _is_per_example(dataset: Any, name: str) -> bool:
    value = getattr(dataset, name, None)
    return value is not None and hasattr(value, "__len__") and len(value) == len(dataset)


def _split_item(item: Any, inputs: str, labels: str, has_labels: bool, row: int, where: str) -> tuple[Any, Any]:
    if isinstance(item, dict):
        missing = [name for name in (inputs, *(() if has_labels else (labels,))) if name not in item]
        if missing:
            raise ConfigError(f"{where}: row {row} has no {missing[0]}. It has {', '.join(map(str, item))}.")
        return item[inputs], item.get(labels)
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    if has_labels and not isinstance(item, tuple | list):
        return item, None
    raise TaskError(f"{where}: an item must be a pair (input, label), that of row {row} is {type(item).__name__}.")


def _as_array(x: Any, size: int | None) -> Any:
    if not isinstance(x, Image.Image):
        return x.numpy() if hasattr(x, "numpy") else np.asarray(x)
    image = x if x.mode in ("L", "RGB") else x.convert("L" if x.mode == "1" else "RGB")
    if size is not None:
        image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return to_pixels(image).numpy()
