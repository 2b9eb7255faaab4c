"""Lists of small tasks for ``MetaLearner``: groups of points, and lines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[NDArray[np.float64], NDArray[Any]]


def groups(labels: list[Any], *, rows: int = 6, seed: int = 0) -> Pair:
    """``rows`` points around a random centre for each label."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, 3, (len(labels), 2))
    x = np.repeat(centres, rows, 0) + random.normal(0, 0.2, (rows * len(labels), 2))
    return x, np.repeat(np.array(labels), rows)


def line(slope: float, *, rows: int = 8) -> Pair:
    x = np.linspace(0.1, 1, rows)[:, None]
    return x, slope * x[:, 0]
