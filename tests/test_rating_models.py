"""The simple models of ratings beside the benchmark of MovieTweetings, against closed forms."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from .test_benchmarks import BENCHMARKS, module

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return module("fields/rating_models.py")


def training(models: ModuleType, users: int = 30, items: int = 12, seed: int = 0) -> Any:
    """Ratings that are a mean, a bias of the user and one of the item; item 11 is never rated."""
    random = np.random.default_rng(seed)
    user, item = np.divmod(np.arange(users * (items - 1)), items - 1)
    stays = random.random(len(user)) < 0.7
    user, item = user[stays], item[stays]
    rating = 6 + random.normal(size=users)[user] + random.normal(size=items)[item]
    return models.Training(user, item, rating, np.eye(items)[:, [0, 0]] + np.eye(items)[:, [1, 2]])


def test_means(models: ModuleType) -> None:
    data = models.Training(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 4.0, 4.0]), np.zeros((3, 1)))
    items, ratings, queries = np.array([0, 1]), np.array([2.0, 5.0]), np.array([0, 1, 2])
    assert models.GlobalMean(data).predict(items, ratings, queries).tolist() == [3, 3, 3]
    assert models.ItemMean(data).predict(items, ratings, queries).tolist() == [2.5, 4, 3]
    assert models.UserMean(data).predict(items, ratings, queries).tolist() == [3.5, 3.5, 3.5]


def test_biases_are_ridge_regression(models: ModuleType) -> None:
    """Ten turns come to the solution of the normal equations."""
    data = training(models)
    biases = models.Biases(data, 3.0, 2.0)
    rows = np.zeros((len(data.rating), 30 + 12))
    rows[np.arange(len(rows)), data.user] = 1
    rows[np.arange(len(rows)), 30 + data.item] = 1
    penalty = np.diag([2.0] * 30 + [3.0] * 12)
    solution = np.linalg.solve(rows.T @ rows + penalty, rows.T @ (data.rating - data.mean))
    assert biases.user_bias == pytest.approx(solution[:30], abs=1e-3)
    assert biases.item_bias == pytest.approx(solution[30:], abs=1e-3)
    assert biases.item_bias[11] == 0


def test_the_bias_of_a_new_user_comes_from_the_support(models: ModuleType) -> None:
    biases = models.Biases(training(models), 1.0, 2.0)
    items = np.array([0, 3])
    exact = biases.training.mean + biases.item_bias
    predictions = biases.predict(items, exact[items] + 1.5, np.array([5, 11]))
    assert predictions == pytest.approx(exact[[5, 11]] + 1.5 * 2 / (2 + 2))


def test_features_give_new_items_a_bias(models: ModuleType) -> None:
    """Items 0 to 5 have the first feature, 6 to 11 the second: all that they differ in is their feature."""
    random = np.random.default_rng(0)
    user, item = np.divmod(np.arange(40 * 11), 11)
    features = np.repeat(np.eye(2), 6, 0)
    rating = 5 + np.array([1.0, -1.0])[item // 6] + random.normal(size=40)[user]
    biases = models.FeatureBiases(models.Training(user, item, rating, features), 0.01, 0.01)
    assert biases.item_bias[11] == pytest.approx(biases.item_bias[7])
    assert biases.item_bias[0] - biases.item_bias[11] == pytest.approx(2.0, abs=0.05)


def test_factors_find_a_taste(models: ModuleType) -> None:
    """Half of the users like even items, half odd ones; nothing else is in the ratings."""
    user, item = np.divmod(np.arange(40 * 12), 12)
    taste = np.where(user % 2, 1.0, -1.0) * np.where(item % 2, 1.0, -1.0)
    biases = models.Biases(models.Training(user, item, 5 + taste, np.zeros((12, 1))), 1.0, 1.0)
    items, ratings = np.array([0, 1, 2]), np.array([4.0, 6.0, 4.0])
    for model in (models.Factors(biases, 1, 1.0), models.Neighbours(biases, 12, 0.1)):
        predictions = model.predict(items, ratings, np.array([4, 5]))
        assert predictions[1] - predictions[0] > 1
        assert model.predict(items, np.full(3, 5.0), np.array([4, 5])) == pytest.approx([5, 5], abs=0.2)


def test_the_page_has_the_figures_of_the_json() -> None:
    report = json.loads((BENCHMARKS / "fields/results/movietweetings.json").read_text(encoding="utf-8"))
    page = (Path(BENCHMARKS).parent / "docs/fields/movietweetings.md").read_text(encoding="utf-8")
    settings = ("warm", "new-user", "new-item", "both-new")
    methods = list(dict.fromkeys(row["method"] for row in report["results"]))
    cells = {(row["method"], row["setting"]): row for row in report["results"]}
    for measure in ("mae", "ndcg@5", "mae_minus_bias"):
        for method in methods:
            rows = [cells[method, setting] for setting in settings]
            if measure in rows[0]:
                figures = " | ".join(f"{row[measure]['mean']:.3f} ± {row[measure]['ci95']:.3f}" for row in rows)
                assert f"| {method} | {figures} |" in page
    assert f"{report['sizes']['warm']['test_users']} test users" in page
