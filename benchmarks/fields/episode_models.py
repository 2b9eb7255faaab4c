"""Simple models on the test episodes of ``tokay evaluate``, for the scripts of this folder."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tokay.core.seeding import evaluation_blocks
from tokay.core.task import Sizes
from tokay.tasks import ClassPool, Episodes

WAYS = 5
Rows = NDArray[np.int64]


def episodes(pool: ClassPool, shots: int, tasks: int, seed: int) -> Iterator[tuple[Rows, Rows, Rows, Rows]]:
    """The test episodes of ``tokay evaluate``: rows and labels of the support set, rows and labels of the queries."""
    # The draws depend on the counts of the classes only, so a pool of row numbers gives the same episodes.
    numbers = ClassPool(torch.arange(int(pool.counts.sum())).float()[:, None], pool.counts, pool.names)
    source = Episodes(numbers, Sizes(ways=WAYS, shots=shots, queries=15))
    for generator, size in evaluation_blocks(tasks, seed):
        block = source.sample(size, generator)
        for task in range(size):
            support, query = (
                (part.x[task, :, 0].long().numpy(), part.y[task].int().argmax(1).numpy())
                for part in (block.support, block.query)
            )
            yield *support, *query


def nearest_mean(support: NDArray[Any], labels: Rows, queries: NDArray[Any]) -> Rows:
    """The class whose mean vector is nearest."""
    means = np.stack([support[labels == label].mean(0) for label in range(WAYS)])
    nearest: Rows = ((queries[:, None] - means) ** 2).sum(-1).argmin(1)
    return nearest


def logistic_regression(support: Any, labels: Rows, queries: Any) -> Rows:
    """That of scikit-learn with its defaults."""
    answers: Rows = LogisticRegression(max_iter=1000).fit(support, labels).predict(queries)
    return answers


def interval(values: list[float]) -> dict[str, float]:
    """The mean and half the width of its 95 % interval."""
    return {"mean": float(np.mean(values)), "ci95": float(1.96 * np.std(values, ddof=1) / len(values) ** 0.5)}
