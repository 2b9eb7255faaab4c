"""Photographs of groceries, classes that were not trained on: python benchmarks/fields/grocery.py, writes results/grocery.json.

Methods of every kind on pixels and on vectors of a frozen EfficientNet-Lite0, trained with the ordinary command line, beside
what needs no meta-training: the nearest class mean (also of centred vectors) and logistic regression on the same vectors.
All of them answer the same test episodes. TOKAY_DATA names the folder that holds grocery/.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from episode_models import Rows, episodes, interval, logistic_regression, nearest_mean
from numpy.typing import NDArray

from tokay.core.task import Sizes
from tokay.runs.machine import git_commit, hardware
from tokay.tasks import Images
from tokay.tasks.data_folders import data_dir

HERE = Path(__file__).parent
BACKBONE = "efficientnet-lite0"
METHODS = {"pixels": ("protonet", "finetune"), "vectors": ("protonet", "maml", "finetune", "baseline++")}


def tokay(*words: str) -> str:
    """Run a command with progress on the terminal; returns its standard output."""
    process = subprocess.run([sys.executable, "-m", "tokay", *words], stdout=subprocess.PIPE, text=True, check=True)
    return process.stdout


def train_and_score(method: str, inputs: str, shots: int, args: argparse.Namespace) -> dict[str, Any]:
    """A method with default settings, trained and scored by the command line; each query by itself."""
    out = args.runs / f"grocery-{method}-{inputs}-{shots}"
    words = ["train", method, "images", "--root", str(data_dir() / "grocery"), "--shots", str(shots)]
    words += ["--backbone", BACKBONE] if inputs == "vectors" else []
    words += ["--steps", str(args.steps), "--validate-every", "100", "--seed", str(args.seed)]
    start = time.perf_counter()
    tokay(*words, "--out", str(out), "--overwrite")
    seconds = time.perf_counter() - start
    score = ["evaluate", str(out), "--tasks", str(args.tasks), "--seed", str(args.seed), "--seen-tasks", "0"]
    # No layer of the networks on vectors looks at other queries, so only pixels need the slow way.
    report = json.loads(tokay(*score, *(["--inductive"] if inputs == "pixels" else []), "--json"))
    if report["transductive"]:
        raise RuntimeError(f"{out}: predictions depend on other queries")
    command = " ".join(["tokay", *words, "--out", f"runs/{out.name}"]).replace(f"{data_dir()}/", "")
    return {
        "method": f"{method}, {inputs}",
        "shots": shots,
        "accuracy": report["accuracy"],
        "command": command,
        "training_seconds": round(seconds, 1),
    }


def answers(vectors: NDArray[Any], mean: NDArray[Any], episode: tuple[Rows, Rows, Rows, Rows]) -> dict[str, Rows]:
    """The answers of each simple model to the queries of one episode. ``mean`` is that of the training vectors."""
    support, labels, queries, _ = episode
    centred = vectors - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return {
        "nearest class mean, vectors": nearest_mean(vectors[support], labels, vectors[queries]),
        "nearest class mean, centred vectors": nearest_mean(centred[support], labels, centred[queries]),
        "logistic regression, vectors": logistic_regression(vectors[support], labels, vectors[queries]),
        "logistic regression, centred vectors x 4": logistic_regression(
            4 * centred[support], labels, 4 * centred[queries]
        ),
    }


def score_simple_models(shots: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """The mean accuracy of each simple model over the test episodes, with a 95 % interval."""
    source = Images(root=str(data_dir() / "grocery"), backbone=BACKBONE)
    sizes = Sizes(ways=5, shots=shots, queries=15)
    tasks, mean = source.tasks("test", sizes), source.tasks("train", sizes).pool.stored().mean(0).numpy()
    vectors = tasks.pool.stored().numpy()
    accuracies: dict[str, list[float]] = {}
    for episode in episodes(tasks.pool, shots, args.tasks, args.seed):
        for method, labels in answers(vectors, mean, episode).items():
            accuracies.setdefault(method, []).append(float((labels == episode[3]).mean()))
    return [{"method": name, "shots": shots, "accuracy": interval(values)} for name, values in accuracies.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/fields"), help="folder for the run folders")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = [row for shots in (1, 5) for row in score_simple_models(shots, args)]
    for inputs in ("vectors", "pixels"):
        for method in METHODS[inputs]:
            rows += [train_and_score(method, inputs, shots, args) for shots in (1, 5)]
    report = {
        "data": "Grocery Store, 81 classes: 52 training, 13 validation and 16 test classes (--split-seed 0)",
        "protocol": "5 ways, 15 queries, each query by itself",
        "tasks": args.tasks,
        "steps": args.steps,
        "seed": args.seed,
        "commit": git_commit(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
        "results": rows,
    }
    (HERE / "results" / "grocery.json").write_text(json.dumps(report, indent=2) + "\n")
    for row in sorted(rows, key=lambda row: (row["shots"], row["accuracy"]["mean"])):
        score = row["accuracy"]
        print(f"{row['shots']}-shot  {100 * score['mean']:6.2f} ± {100 * score['ci95']:.2f}  {row['method']}")


if __name__ == "__main__":
    main()
