"""MovieTweetings, four settings of cold start: python benchmarks/fields/movietweetings.py, writes results/movietweetings.json.

Meta-learners on features of films (genres, year), in the manner of MeLU, beside means, biases, matrix factorisation and
item-kNN (rating_models.py). All of them read the same support ratings and answer the same queries of the same test users.
Settings of the simple models, and the best step of a training, are chosen on validation users. TOKAY_DATA names the folder
that holds movietweetings/.
"""

import argparse
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rating_models import (
    Biases,
    Factors,
    FeatureBiases,
    GlobalMean,
    ItemMean,
    Neighbours,
    PerUser,
    RatingModel,
    Training,
    User,
    UserMean,
    interval,
    score,
)
from torch import nn

from tokay import ANIL, MAML, Algorithm, Finetune, FitConfig, Reptile, Sizes, evaluate, fit
from tokay.core.task import TaskSpec
from tokay.networks import Embeddings
from tokay.runs.machine import git_commit, hardware
from tokay.tasks import Ratings
from tokay.tasks.data_folders import data_dir
from tokay.tasks.ratings_contents import RatingContents
from tokay.tasks.ratings_tasks import RatingList

HERE = Path(__file__).parent
TEST, TRAIN = Sizes(ways=1, shots=5, queries=10), Sizes(ways=1, shots=5, queries=5)
# Settings with the same training ratings: one training serves both.
FAMILIES = (("new-user", "both-new"), ("warm", "new-item"))
REFERENCE = "item plus user bias"
VECTORS = Embeddings(buckets=64)  # genres and years are 35 numbers
VECTORS_OF_FILMS = Embeddings(buckets=8192, vector=16)

Row = tuple[str, str, PerUser, dict[str, Any]]  # setting, method, scores of users, facts


def source(setting: Any, split_seed: int, inputs: Any = "features") -> Ratings:
    """The films with 30 % new items, and users with five early ratings and ten later ones of old and of new items."""
    folder = data_dir() / "movietweetings"
    return Ratings(
        file=f"{folder}/ratings.dat",
        items=f"{folder}/movies.dat",
        setting=setting,
        history=5,
        new_items=0.3,
        validation=0.1,
        test=0.4,
        split_seed=split_seed,
        item_inputs=inputs,
    )


def tasks_of(of: Ratings, split: Any) -> RatingList:
    """The users of a split, each once."""
    tasks = of.tasks(split, TEST)
    if not isinstance(tasks, RatingList):
        raise TypeError(split)
    return tasks


def melu(spec: TaskSpec) -> nn.Module:
    """MeLU's network for ``anil``: only the decision layers adapt to a user, embeddings never do."""
    body = Embeddings(buckets=VECTORS.buckets, layers=()).build(spec.x_shape)
    widths = (spec.x_shape[0] * VECTORS.vector, 64)
    head = nn.Sequential(nn.Linear(*widths), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    return nn.Sequential(OrderedDict(backbone=body, head=head))


def learners() -> Iterator[tuple[str, str, Algorithm[Any], Callable[[TaskSpec], nn.Module]]]:
    """Each method: its name, its inputs, its settings, and the network that it trains.

    The inner rates of anil and maml are the best of four on validation users of the division with seed 0; melu has maml's.
    """

    def plain(algorithm: Algorithm[Any], vectors: Embeddings) -> Callable[[TaskSpec], nn.Module]:
        return lambda spec: algorithm.build(vectors.build(spec.x_shape), spec)

    anil = ANIL(inner_lr=0.1, inner_steps=3, test_steps=3)
    yield "melu: anil, decision layers adapt", "features", replace(anil, inner_lr=0.03), melu
    for name, inputs, algorithm in (
        ("anil", "features", anil),
        ("maml", "features", MAML(inner_lr=0.03, inner_steps=3, test_steps=3)),
        ("reptile", "features", Reptile(test_steps=20)),
        ("anil, features and films", "both", anil),
        ("finetune, features and films", "both", Finetune()),
    ):
        yield name, inputs, algorithm, plain(algorithm, VECTORS if inputs == "features" else VECTORS_OF_FILMS)


def train_and_score(family: tuple[str, ...], args: argparse.Namespace) -> Iterator[Row]:
    """Each method, trained once and scored in each setting of the family: setting, name, scores of users, facts."""
    for name, inputs, algorithm, build in learners():
        sources = {setting: source(setting, args.split_seed, inputs) for setting in family}
        training = sources[family[0]].tasks("train", TRAIN)
        validation = tasks_of(sources[family[0]], "validation")
        torch.manual_seed(args.seed)
        net, start = build(training.spec), time.perf_counter()
        config = FitConfig(steps=args.steps, validate_every=100, seed=args.seed)
        for _ in fit(algorithm, net, training, config, validation=validation):
            pass
        facts = {"algorithm": str(algorithm), "training_seconds": round(time.perf_counter() - start, 1)}
        for setting, of in sources.items():
            per_task = evaluate(algorithm, net, tasks_of(of, "test"), curve=False).per_task
            yield setting, name, {key: per_task[key].numpy() for key in ("mae", "rmse", "ndcg@5")}, facts
        print(f"{family[0]}: {name}, {facts['training_seconds']} s", flush=True)


def users_of(contents: RatingContents, tasks: RatingList) -> list[User]:
    """Items and ratings of the support set, items and ratings of the queries, for each user."""
    item, rating = contents.rows.item.numpy(), contents.rows.rating.numpy()
    pairs = [(support.numpy(), query.numpy()) for support, query in tasks.rows()]
    return [(item[support], rating[support], item[query], rating[query]) for support, query in pairs]


def training_of(contents: RatingContents) -> Training:
    """The training ratings as arrays."""
    rows, codes = contents.training_rows, contents.encoding.encode_items(contents.rows.items)
    features = np.zeros((len(codes), contents.encoding.numbers))
    np.put_along_axis(features, codes.flatten(1).numpy(), 1.0, 1)
    features[:, 0] = 0  # padding
    return Training(
        contents.rows.user[rows].numpy(), contents.rows.item[rows].numpy(), contents.rows.rating[rows].numpy(), features
    )


def simple_models(training: Training, users: list[User]) -> Iterator[tuple[str, RatingModel, str]]:
    """Each simple model with the settings whose squared error is smallest on the validation users ``users``."""

    def choose(kind: Callable[..., RatingModel], base: Any, *grid: tuple[float, ...]) -> tuple[Any, str]:
        fits = [(kind(base, *values), values) for values in product(*grid)]
        errors = [(score(model, users, 0.0)["rmse"] ** 2).mean() for model, _ in fits]
        model, values = fits[int(np.argmin(errors))]
        return model, f"{kind.__name__}{values}"

    for name, kind in (("global mean", GlobalMean), ("item mean", ItemMean), ("user mean (of the support)", UserMean)):
        yield name, kind(training), kind.__name__
    biases, words = choose(Biases, training, (0.3, 1.0, 3.0, 10.0), (0.3, 1.0, 3.0, 10.0))
    yield REFERENCE, biases, words
    yield "feature plus user bias (ridge)", *choose(FeatureBiases, training, (1.0, 10.0, 100.0), (1.0, 3.0, 10.0))
    yield "matrix factorisation (SVD)", *choose(Factors, biases, (2, 5, 10), (10.0, 100.0, 1000.0, 10000.0))
    yield "item-kNN", *choose(Neighbours, biases, (20, 80), (0.1, 1.0, 10.0))


def score_simple_models(family: tuple[str, ...], args: argparse.Namespace) -> Iterator[Row]:
    """Each simple model in each setting of the family, and the random order."""
    sources = {setting: source(setting, args.split_seed) for setting in family}
    contents = sources[family[0]].contents()
    validation = users_of(contents, tasks_of(sources[family[0]], "validation"))
    models = list(simple_models(training_of(contents), validation))
    for setting, of in sources.items():
        users = users_of(contents, tasks_of(of, "test"))
        for name, model, words in models:
            yield setting, name, score(model, users, contents.lowest), {"chosen_on_validation": words}
        constant = score(GlobalMean(training_of(contents)), users, contents.lowest)
        yield setting, "random order", {"ndcg@5": constant["ndcg@5"]}, {}


def score_family(family: tuple[str, ...], args: argparse.Namespace) -> list[Row]:
    """All models in each setting of the family."""
    return [*score_simple_models(family, args), *train_and_score(family, args)]


def summary(rows: list[Row]) -> list[dict[str, Any]]:
    """Means over users, and the mean difference in MAE to the item and user biases, user by user."""
    references = {setting: scores["mae"] for setting, name, scores, _ in rows if name == REFERENCE}
    results = []
    for setting, name, scores, facts in rows:
        means = {key: interval(values) for key, values in scores.items()}
        difference = {"mae_minus_bias": interval(scores["mae"] - references[setting])} if "mae" in scores else {}
        results.append({"setting": setting, "method": name, **means, **difference, **facts})
    return results


def describe(of: Ratings) -> dict[str, Any]:
    """How many users, items and ratings there are."""
    contents, tests = of.contents(), tasks_of(of, "test")
    queries = [count for _, count in tests.lengths()]
    return {
        "training_ratings": len(contents.training_rows),
        "old_items": len(contents.division.old_items),
        "new_items": len(contents.division.new_items),
        "validation_users": len(tasks_of(of, "validation")),
        "test_users": len(tests),
        "queries": {"least": min(queries), "mean": float(np.mean(queries)), "most": max(queries)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split-seed", type=int, default=0)
    args = parser.parse_args()
    settings = [setting for family in FAMILIES for setting in family]
    names = {tasks_of(source(setting, args.split_seed), "test").names for setting in settings}
    if len(names) != 1:
        raise SystemExit("the settings must have the same test users")
    with ProcessPoolExecutor(len(FAMILIES), get_context("spawn")) as pool:
        rows = [row for part in pool.map(score_family, FAMILIES, [args] * len(FAMILIES)) for row in part]
    report = {
        "data": "MovieTweetings 100K, ratings from 0 to 10",
        "sizes": {setting: describe(source(setting, args.split_seed)) for setting in settings},
        "shots": TEST.shots,
        "fewest_queries": TEST.queries,
        "train_shots": TRAIN.shots,
        "train_queries": TRAIN.queries,
        "steps": args.steps,
        "seed": args.seed,
        "split_seed": args.split_seed,
        "commit": git_commit(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
        "results": summary(rows),
    }
    suffix = f"-split{args.split_seed}" if args.split_seed else ""
    (HERE / "results" / f"movietweetings{suffix}.json").write_text(json.dumps(report, indent=2) + "\n")
    for row in summary(rows):
        figures = "  ".join(
            f"{key} {row[key]['mean']:6.3f} ± {row[key]['ci95']:.3f}"
            for key in ("mae", "rmse", "ndcg@5", "mae_minus_bias")
            if key in row
        )
        print(f"{row['setting']:9} {row['method']:36} {figures}")


if __name__ == "__main__":
    main()
