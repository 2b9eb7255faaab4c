"""Time of one answer of a fitted learner, one picture at a time, as a service gives it: writes JSON.

python benchmarks/speed/one_answer.py [--answers 200] [--threads 2]

Pictures of Omniglot's size, 5 classes of 5 pictures, the usual network of each method, random weights. Also: a support set of
1,000 classes, and many small support sets with ``fit_many`` beside ``fit`` one by one.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import tokay
from tokay import Learner, TaskSpec
from tokay.networks import list_networks
from tokay.runs.machine import git_commit, hardware

SPEC = TaskSpec(x_shape=(1, 28, 28), y_dim=5)


def learner_of(method: Any, norm: str) -> Learner:
    torch.manual_seed(0)
    return Learner(method, method.build(list_networks()[method.network](norm=norm).build(SPEC.x_shape), SPEC))


def milliseconds(call: Callable[[], object], rounds: int) -> dict[str, float]:
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return {"median_ms": round(statistics.median(times), 2), "worst_ms": round(max(times), 2)}


def fit_one_by_one(learner: Learner, contexts: list[Any]) -> None:
    for x, y in contexts:
        learner.fit(x, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tokay.keep_freed_memory()
    picture = torch.rand(1, *SPEC.x_shape)
    rows = []
    for method, norm in ((tokay.ProtoNet(), "batch"), (tokay.ProtoNet(), "running"), (tokay.MAML(), "batch")):
        learner = learner_of(method, norm).fit(torch.rand(25, *SPEC.x_shape), list(range(5)) * 5)
        times = milliseconds(lambda learner=learner: learner.predict_proba(picture), args.answers)
        rows.append({"what": f"{method.name}, 5 classes", "norm": norm, **times})
    learner = learner_of(tokay.ProtoNet(), "running").fit(torch.rand(1000, *SPEC.x_shape), list(range(1000)))
    times = milliseconds(lambda: learner.predict_proba(picture), args.answers)
    rows.append({"what": "protonet, 1,000 classes", "norm": "running", **times})
    for method in (tokay.ProtoNet(), tokay.MAML()):
        learner = learner_of(method, "batch")
        contexts = [(torch.rand(5, *SPEC.x_shape), list(range(5))) for _ in range(100)]
        many = milliseconds(partial(learner.fit_many, contexts), 3)
        single = milliseconds(partial(fit_one_by_one, learner, contexts), 3)
        rows.append({"what": f"{method.name}, 100 support sets of 5, fit_many", "norm": "batch", **many})
        rows.append({"what": f"{method.name}, 100 support sets of 5, fit one by one", "norm": "batch", **single})
    for row in rows:
        print(row, flush=True)
    report = {
        "commit": git_commit(),
        "torch": torch.__version__,
        "hardware": hardware(),
        "threads": args.threads,
        "taken": time.strftime("%Y-%m-%d"),
        "results": rows,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
