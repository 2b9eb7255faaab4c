"""CLINC150, intents of domains that were not trained on: python benchmarks/fields/clinc150.py, writes results/clinc150.json.

ProtoNet on hashed n-grams and on frozen sentence vectors, trained with the ordinary command line, beside what needs no
meta-training: the nearest class mean and logistic regression on the same vectors, and TF-IDF of the support texts alone. All
of them answer the same test episodes. TOKAY_DATA names the folder that holds clinc150/.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from episode_models import Rows, episodes, interval, logistic_regression, nearest_mean
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from tokay.core.task import Sizes
from tokay.runs.machine import git_commit, hardware
from tokay.tasks import Text
from tokay.tasks.data_folders import data_dir

HERE = Path(__file__).parent


def tokay(*words: str) -> str:
    """Run a command with progress on the terminal; returns its standard output."""
    process = subprocess.run([sys.executable, "-m", "tokay", *words], stdout=subprocess.PIPE, text=True, check=True)
    return process.stdout


def source_flags(encoder: str, folder: Path, split_seed: int) -> list[str]:
    """Seven domains to train on, one to choose the best step on, two to test on."""
    files = ["--file", f"{folder}/data_full.json", "--domains", f"{folder}/domains.json"]
    return [*files, "--encoder", encoder, "--validation", "0.1", "--test", "0.2", "--split-seed", str(split_seed)]


def train_and_score(encoder: str, shots: int, args: argparse.Namespace) -> dict[str, Any]:
    """ProtoNet, trained and scored by the command line."""
    out = args.runs / f"clinc150-{encoder}-{shots}-{args.split_seed}"
    sizes = ["--ways", "5", "--shots", str(shots), "--queries", "15"]
    words = ["train", "protonet", "text", *source_flags(encoder, data_dir() / "clinc150", args.split_seed), *sizes]
    words += ["--steps", str(args.steps), "--validate-every", "100", "--seed", str(args.seed)]
    start = time.perf_counter()
    tokay(*words, "--out", str(out), "--overwrite")
    seconds = time.perf_counter() - start
    report = json.loads(tokay("evaluate", str(out), "--tasks", str(args.tasks), "--seed", str(args.seed), "--json"))
    command = " ".join(["tokay", *words, "--out", f"runs/{out.name}"]).replace(f"{data_dir()}/", "")
    return {
        "method": f"protonet, {encoder}",
        "shots": shots,
        "accuracy": report["accuracy"],
        "command": command,
        "training_seconds": round(seconds, 1),
    }


def answers(vectors: NDArray[Any], texts: list[str], episode: tuple[Rows, Rows, Rows, Rows]) -> dict[str, Rows]:
    """The answers of each baseline to the queries of one episode."""
    support, labels, queries, _ = episode
    results = {
        "nearest class mean of sentence vectors": nearest_mean(vectors[support], labels, vectors[queries]),
        "logistic regression on sentence vectors": logistic_regression(vectors[support], labels, vectors[queries]),
    }
    kinds = {"words": TfidfVectorizer(), "n-grams": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))}
    for kind, tfidf in kinds.items():
        table = tfidf.fit_transform([texts[row] for row in support])
        results[f"logistic regression on TF-IDF of {kind} of the support texts"] = logistic_regression(
            table, labels, tfidf.transform([texts[row] for row in queries])
        )
    return results


def score_baselines(shots: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """The mean accuracy of each baseline over the test episodes, with a 95 % interval."""
    folder = data_dir() / "clinc150"
    division: dict[str, Any] = {"validation": 0.1, "test": 0.2, "split_seed": args.split_seed}
    source = Text(file=f"{folder}/data_full.json", domains=f"{folder}/domains.json", encoder="sentence", **division)
    tasks = source.tasks("test", Sizes(ways=5, shots=shots, queries=15))
    texts = [text for name in tasks.pool.names for text in source.texts()[name]]
    accuracies: dict[str, list[float]] = {}
    for episode in episodes(tasks.pool, shots, args.tasks, args.seed):
        for method, labels in answers(tasks.pool.stored().numpy(), texts, episode).items():
            accuracies.setdefault(method, []).append(float((labels == episode[3]).mean()))
    return [{"method": name, "shots": shots, "accuracy": interval(values)} for name, values in accuracies.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/fields"), help="folder for the run folders")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--baselines-only", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    rows = [row for shots in (1, 5) for row in score_baselines(shots, args)]
    if not args.baselines_only:
        rows += [train_and_score(encoder, shots, args) for encoder in ("hashed", "sentence") for shots in (1, 5)]
    flags = source_flags("hashed", Path("clinc150"), args.split_seed)
    report = {
        "data": "CLINC150, 7 training, 1 validation and 2 test domains",
        "division": " ".join(flags),
        "tasks": args.tasks,
        "ways": 5,
        "queries": 15,
        "steps": args.steps,
        "seed": args.seed,
        "commit": git_commit(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
        "results": rows,
    }
    suffix = f"-split{args.split_seed}" if args.split_seed else ""
    (HERE / "results" / f"clinc150{suffix}.json").write_text(json.dumps(report, indent=2) + "\n")
    for row in sorted(rows, key=lambda row: (row["shots"], row["accuracy"]["mean"])):
        score = row["accuracy"]
        print(f"{row['shots']}-shot  {100 * score['mean']:6.2f} ± {100 * score['ci95']:.2f}  {row['method']}")


if __name__ == "__main__":
    main()
