"""Simple models of ratings, without meta-learning: means, biases, matrix factorisation and item-kNN of scikit-learn.

Each is fitted on training ratings. ``predict`` then answers for one user: from the items and ratings of the support set, for
the items of the queries. Items are indices; an item without training ratings has no bias, no factors and no neighbours.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors

from tokay.evaluation.ranking import ndcg

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


User = tuple[Indices, Floats, Indices, Floats]
"""support items and their ratings, query items and their ratings"""
PerUser = dict[str, Floats]
"""one number per user for each score"""


class RatingModel(Protocol):
    """A fitted model of ratings."""

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        """The ratings of ``queries`` by a user who gave ``items`` these ``ratings``."""
        ...


@dataclass(frozen=True, eq=False)
class Training:
    """The training ratings, and the features of all items."""

    user: Indices
    item: Indices
    rating: Floats
    features: Floats  # [items, features], 0 or 1

    @cached_property
    def mean(self) -> float:
        """The mean of all ratings."""
        return float(self.rating.mean())

    @cached_property
    def item_counts(self) -> Floats:
        """The number of ratings of each item."""
        return np.bincount(self.item, minlength=len(self.features)).astype(float)

    def item_sums(self, values: Floats) -> Floats:
        """The sum over the ratings of each item."""
        return np.bincount(self.item, values, len(self.features))

    def user_means(self, values: Floats, shrinkage: float) -> Floats:
        """The sum over the ratings of each user, divided by their number plus ``shrinkage``."""
        users = int(self.user.max()) + 1
        means: Floats = np.bincount(self.user, values, users) / (np.bincount(self.user, minlength=users) + shrinkage)
        return means


class GlobalMean:
    """The mean of all training ratings."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        return np.full(len(queries), self.training.mean)


class ItemMean(GlobalMean):
    """The mean of the item; that of all ratings for an item without any."""

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        counts, sums = self.training.item_counts, self.training.item_sums(self.training.rating)
        return np.where(counts > 0, sums / np.maximum(counts, 1), self.training.mean)[queries]


class UserMean(GlobalMean):
    """The mean of the support ratings."""

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        return np.full(len(queries), ratings.mean())


class Biases(GlobalMean):
    """Mean + bias of the item + bias of the user, both shrunk to 0: ridge regression, solved by turns."""

    def __init__(self, training: Training, item_shrinkage: float, user_shrinkage: float) -> None:
        super().__init__(training)
        self.user_shrinkage = user_shrinkage
        residuals = training.rating - training.mean
        item_bias = np.zeros(len(training.features))
        for _ in range(10):
            self.user_bias = training.user_means(residuals - item_bias[training.item], user_shrinkage)
            item_bias = self.fit_items(residuals - self.user_bias[training.user], item_shrinkage)
        self.item_bias = item_bias
        self.residuals = residuals - self.user_bias[training.user] - item_bias[training.item]

    def fit_items(self, residuals: Floats, shrinkage: float) -> Floats:
        """The bias of each item."""
        biases: Floats = self.training.item_sums(residuals) / np.maximum(self.training.item_counts + shrinkage, 1e-9)
        return biases

    def own_residuals(self, items: Indices, ratings: Floats) -> tuple[float, Floats]:
        """The bias of a user, and what the biases leave of its ratings."""
        residuals = ratings - self.training.mean - self.item_bias[items]
        bias = float(residuals.sum() / (len(items) + self.user_shrinkage))
        return bias, residuals - bias

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        bias, _ = self.own_residuals(items, ratings)
        predictions: Floats = self.training.mean + self.item_bias[queries] + bias
        return predictions


class FeatureBiases(Biases):
    """As ``Biases``, but the bias of an item is a ridge regression on its features, so that new items have one, too."""

    def fit_items(self, residuals: Floats, shrinkage: float) -> Floats:
        ridge = Ridge(alpha=shrinkage, fit_intercept=False)
        ridge.fit(csr_matrix(self.training.features)[self.training.item], residuals)
        biases: Floats = self.training.features @ ridge.coef_
        return biases


class Factors:
    """Matrix factorisation of what biases leave, by truncated SVD; a new user gets factors by ridge regression."""

    def __init__(self, biases: Biases, rank: int, shrinkage: float) -> None:
        self.biases, self.shrinkage = biases, shrinkage
        svd = TruncatedSVD(rank, random_state=0).fit(residual_matrix(biases))
        self.factors: Floats = svd.components_.T * svd.singular_values_  # [items, rank]

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        _, residuals = self.biases.own_residuals(items, ratings)
        rows = self.factors[items]
        user = np.linalg.solve(rows.T @ rows + self.shrinkage * np.eye(rows.shape[1]), rows.T @ residuals)
        predictions: Floats = self.biases.predict(items, ratings, queries) + self.factors[queries] @ user
        return predictions


class Neighbours:
    """Item-kNN on what biases leave: support items that are nearest to a query (cosine) move its prediction."""

    def __init__(self, biases: Biases, count: int, shrinkage: float) -> None:
        self.biases, self.shrinkage = biases, shrinkage
        self.rows = residual_matrix(biases).T.tocsr()  # [items, users]
        rated = np.flatnonzero(biases.training.item_counts)
        self.search = NearestNeighbors(n_neighbors=min(count, len(rated)), metric="cosine").fit(self.rows[rated])
        self.rated = rated

    def predict(self, items: Indices, ratings: Floats, queries: Indices) -> Floats:
        _, residuals = self.biases.own_residuals(items, ratings)
        predictions = self.biases.predict(items, ratings, queries)
        distances, places = self.search.kneighbors(self.rows[queries])
        own = dict(zip(items.tolist(), residuals.tolist(), strict=True))
        for query, (row, neighbours) in enumerate(zip(1 - distances, self.rated[places], strict=True)):
            pairs = [(s, own[item]) for s, item in zip(row.tolist(), neighbours.tolist(), strict=True) if item in own]
            weight = sum(abs(similarity) for similarity, _ in pairs) + self.shrinkage
            predictions[query] += sum(similarity * residual for similarity, residual in pairs) / weight
        return predictions


def residual_matrix(biases: Biases) -> Any:
    """What biases leave of the training ratings, sparse ``[users, items]``."""
    training = biases.training
    shape = (int(training.user.max()) + 1, len(training.features))
    return csr_matrix((biases.residuals, (training.user, training.item)), shape=shape)


def score(model: RatingModel, users: list[User], lowest: float) -> PerUser:
    """The errors and the ranking of each user."""
    rows = []
    for items, ratings, queries, targets in users:
        predictions = model.predict(items, ratings, queries)
        errors, gains = predictions - targets, torch.from_numpy(targets - lowest)
        ranking = float(ndcg(torch.from_numpy(predictions), gains, 5))
        rows.append((np.abs(errors).mean(), np.sqrt((errors**2).mean()), ranking))
    return dict(zip(("mae", "rmse", "ndcg@5"), np.array(rows).T, strict=True))


def interval(values: Floats) -> dict[str, float]:
    """The mean and half the width of its 95 % interval."""
    return {"mean": float(values.mean()), "ci95": float(1.96 * values.std(ddof=1) / len(values) ** 0.5)}
