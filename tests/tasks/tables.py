"""Small tables for the tests of the sources that read them. A test that makes one is skipped if pandas is missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def patients(tasks: int = 10, rows: int = 12, seed: int = 0) -> Any:
    """A data frame of patients p0, p1, ...: a score that is linear in two inputs, its slopes those of the patient."""
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(seed)
    frames = []
    for number in range(tasks):
        slope = random.normal(size=2)
        x = random.normal(size=(rows, 2))
        frames.append(
            pandas.DataFrame(
                {
                    "patient": f"p{number}",
                    "day": np.arange(rows),
                    "a": x[:, 0],
                    "b": x[:, 1],
                    "clinic": random.choice(["north", "south"], size=rows),
                    "score": 50 + 10 * (x @ slope),
                }
            )
        )
    return pandas.concat(frames, ignore_index=True)


def species(classes: int = 10, rows: int = 8, seed: int = 0) -> Any:
    """A data frame of classes s0, s1, ...: four measures around the centre of the class."""
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(seed)
    names = np.repeat([f"s{number}" for number in range(classes)], rows)
    x = np.repeat(random.normal(size=(classes, 4)) * 3, rows, 0) + random.normal(size=(classes * rows, 4))
    return pandas.DataFrame({**{f"m{i}": x[:, i] for i in range(4)}, "species": names})


def write_table(folder: Path, frame: Any, name: str = "t.csv", **settings: Any) -> str:
    """Writes ``frame`` as CSV. Returns the path."""
    frame.to_csv(folder / name, index=False, **settings)
    return str(folder / name)
