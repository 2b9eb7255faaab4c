"""Parkinson's disease, a patient is a task: python benchmarks/fields/parkinsons.py, writes results/parkinsons.json.

The motor score (UPDRS) of patients that were not trained on, from ten recordings of each, in two protocols: forecast (the
first ten recordings, then all later ones) and random (ten random recordings, then the others). Trained with the ordinary
command line, beside simple models that see the same support rows. Every patient is tested once. TOKAY_DATA names the folder
that holds parkinsons/.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from parkinsons_tables import (
    FOLDS,
    ORDER,
    RESIDUALS,
    SEED,
    SIZES,
    TIME_INPUTS,
    VALIDATION,
    divide,
    draw_tasks,
    read_recordings,
    residual_table,
    source_tasks,
)
from patient_models import NO_FEATURES, PATIENT, TARGET, TIME, features, fit_all

from tokay.cli.main import main as tokay
from tokay.core.task import Split
from tokay.evaluation.evaluate import evaluate
from tokay.evaluation.scores import Score, paired_difference
from tokay.runs.checkpoint import load_model
from tokay.runs.machine import git_commit, hardware

HERE = Path(__file__).parent
METHODS = ("maml", "reptile", "cnp")
PLAIN, TIME_ONLY = "all features", "time as the only input"
NAMES = {"mean": "patient's mean", "line": "patient's line", "interpolation": "interpolation", "trees": "pooled trees"}
KEYS = {"mae": "", "difference": "+"}
Errors = dict[str, float]
"""the mean absolute error of each patient"""
Fold = tuple[dict[str, Errors], dict[str, Errors], dict[str, str]]
"""the errors of all models on test patients, of meta-learners on validation patients, and the commands"""


def variants(frame: Any, protocol: str, residuals: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """What a meta-learner is told: the name of its table and its flags."""
    order = list(ORDER[protocol])
    others = [name for name in NO_FEATURES if name in frame and name not in (PATIENT, TARGET, "split")]
    result = {
        PLAIN: ("recordings", [*order, "--without", *others]),
        TIME_ONLY: ("recordings", [*order, "--columns", TIME]),
    }
    for residual in [name for name in RESIDUALS[protocol] if name in residuals]:
        columns = list(features(frame).columns) if residual == "trees" else list(TIME_INPUTS)
        flags = ["--order-by", "place", "--columns", *columns, "--train-shots", str(SIZES.shots)]
        flags += ["--train-queries", str(SIZES.queries)]
        result[f"residuals of the {NAMES[residual]}"] = (residual, flags)
    return result


def train(method: str, table: Path, flags: list[str], out: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Trains with the command line. Returns the command, relative to the work folder, and the errors of each split.

    The result is kept beside the run, so that an interrupted benchmark goes on.
    """
    sizes = ["--shots", str(SIZES.shots), "--queries", str(SIZES.queries)]
    words = ["train", method, "table", "--file", str(table), "--task", PATIENT, "--target", TARGET, "--split", "split"]
    words += [*flags, *sizes, "--steps", str(args.steps), "--validate-every", "100", "--seed", str(SEED)]
    words += ["--out", str(out)]
    command = shlex.join(["tokay", *words]).replace(f"{args.runs}/", "")
    file = out.with_suffix(".json")
    result: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if result.get("command") != command:
        if tokay([*words, "--overwrite"]) != 0:
            raise SystemExit(f"failed: {shlex.join(words)}")
        result = {"command": command, "test": score(out, "test"), "validation": score(out, "validation")}
        file.write_text(json.dumps(result))
    return result


def score(out: Path, split: Split) -> Errors:
    """The error of a run on each patient of ``split``, in points of the motor score."""
    run, net = load_model(out, device=torch.device("cpu"))
    tasks = run.tasks(split)
    errors = evaluate(run.algorithm, net, tasks, curve=False).per_task["mae"]
    return dict(zip(tasks.rows.names, errors.tolist(), strict=True))


def score_baselines(frame: Any, file: Path, protocol: str) -> dict[str, Errors]:
    """The errors of each simple model on the test patients. Those of validation are among the patients it is fitted on."""
    tasks = [(task.support, task.query) for task in draw_tasks(frame, protocol)]
    models = fit_all(frame[frame["split"] != "test"], tasks)
    errors: dict[str, Errors] = {name: {} for name in models}
    for patient, support, query in source_tasks(frame, file, protocol, "test"):
        for name, model in models.items():
            errors[name][patient] = float(np.abs(model(support, query) - query[TARGET].to_numpy()).mean())
    return errors


def score_trees(table: Any) -> Errors:
    """The errors of gradient-boosted trees on the same inputs and targets as a meta-learner on a table of residuals."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    training = table[table["split"] == "train"]
    model = HistGradientBoostingRegressor(random_state=0).fit(training[list(TIME_INPUTS)], training[TARGET])
    queries = table[(table["split"] == "test") & (table["place"] >= SIZES.shots)]
    errors = (queries[TARGET] - model.predict(queries[list(TIME_INPUTS)])).abs()
    return {str(name): float(value) for name, value in errors.groupby(queries[PATIENT]).mean().items()}


def run_fold(protocol: str, fold: int, args: argparse.Namespace) -> Fold:
    """Trains and scores one fold."""
    frame = divide(read_recordings(), fold)
    folder = args.runs / protocol / f"fold{fold}"  # of its own, because protocols run at the same time
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "recordings.csv"
    frame.to_csv(file, index=False)
    test, validation, commands = score_baselines(frame, file, protocol), dict[str, Errors](), dict[str, str]()
    for variant, (table, flags) in variants(frame, protocol, args.residuals).items():
        path, slug = folder / f"{table}.csv", variant.replace(" ", "-").replace("'", "")
        if table != "recordings":
            residuals = residual_table(frame, file, protocol, table)
            residuals.to_csv(path, index=False)
            if table != "trees":
                test[f"pooled trees, {variant}"] = score_trees(residuals)
        for method in args.methods:
            name, out = f"{method}, {variant}", folder / f"{method}-{slug}"
            result = train(method, path, flags, out, args)
            commands[name], test[name], validation[name] = (result[key] for key in ("command", "test", "validation"))
            print(f"{protocol} fold {fold}: {name} {np.mean(list(test[name].values())):.2f}", flush=True)
    best = min(validation, key=lambda name: float(np.mean(list(validation[name].values()))))
    test["the meta-learner that is best on the validation patients of each fold"] = test[best]
    return test, validation, commands


def summarise(protocol: str, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """One row per model, with the error of each of the 42 patients."""
    test: dict[str, Errors] = {}
    validation: dict[str, list[float]] = {}
    commands = folds[-1][2]
    for errors, held_out, _ in folds:
        for name, values in errors.items():
            test.setdefault(name, {}).update(values)
        for name, values in held_out.items():
            validation.setdefault(name, []).append(float(np.mean(list(values.values()))))
    patients = sorted(next(iter(test.values())), key=int)
    table = {name: torch.tensor([values[patient] for patient in patients]) for name, values in test.items()}
    simple = [name for name in table if name not in commands and "meta-learner" not in name]
    best = min(simple, key=lambda name: float(table[name].mean()))
    return [
        {
            "protocol": protocol,
            "model": name,
            "is_simple": name in simple,
            "mae": {"mean": Score.of(values).mean, "ci95": Score.of(values).ci95},
            "best_simple": best,
            "difference": paired_difference(values, table[best])._asdict(),
            **({"validation_mae": float(np.mean(validation[name]))} if name in validation else {}),
            **({"command": commands[name]} if name in commands else {}),
            "patients": [round(value, 4) for value in values.tolist()],
        }
        for name, values in table.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/fields/parkinsons"), help="work folder: tables and runs"
    )
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument(
        "--residuals",
        nargs="*",
        default=("line", "interpolation"),
        help="simple models whose residuals are targets",
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "parkinsons.json")
    args = parser.parse_args()
    args.runs = args.runs.absolute()
    with ProcessPoolExecutor(args.processes) as pool:
        jobs = {
            (protocol, fold): pool.submit(run_fold, protocol, fold, args) for fold in range(FOLDS) for protocol in ORDER
        }
        rows = [
            row
            for protocol in ORDER
            for row in summarise(protocol, [jobs[protocol, fold].result() for fold in range(FOLDS)])
        ]
    report = {
        "data": "Parkinsons Telemonitoring (UCI), motor_UPDRS, 42 patients, 5,875 recordings",
        "division": f"{FOLDS} folds, each patient is tested once; {VALIDATION} validation patients per fold; commands of fold 4",
        "shots": SIZES.shots,
        "steps": args.steps,
        "seed": SEED,
        "commit": git_commit(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
    }
    head = json.dumps(report, indent=2)[:-2]
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    args.out.write_text(f'{head},\n  "results": [\n{lines}\n  ]\n}}\n')
    for protocol in ORDER:
        print(f"\n{protocol}\n\n| model | error | minus the best simple model |\n|---|---|---|")
        print("\n".join(page_row(row) for row in sorted(rows, key=by_error) if row["protocol"] == protocol))


def by_error(row: dict[str, Any]) -> float:
    """The mean error of a model, to sort by."""
    return float(row["mae"]["mean"])


def page_row(row: dict[str, Any]) -> str:
    """The row of a model in the page docs/fields/parkinsons.md."""
    mae, difference = (f"{row[key]['mean']:{sign}.2f} ± {row[key]['ci95']:.2f}" for key, sign in KEYS.items())
    return f"| {row['model']} | {mae} | {'best simple model' if row['model'] == row['best_simple'] else difference} |"


if __name__ == "__main__":
    main()
