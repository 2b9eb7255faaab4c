"""A learned optimizer against tuned ones, after 100 steps: python benchmarks/accuracy/optimizers.py [--fraction 0.05]

Two families of functions to minimise: random quadratics of ten unknowns, and a small network on ten classes of letters,
in mini-batches. A learned optimizer is trained on each, and compared with SGD, momentum, Adam and RMSprop on unseen
functions from the same starting points; then on networks it was not trained on. The rate of every other optimizer is the
best of a grid, found on other functions of the same family and for the very network it is compared on.

The loss is that of all examples a function has (there is no query set here); the interval is over functions.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tokay import (
    Examples,
    FitConfig,
    LearnedOptimizer,
    Score,
    Sizes,
    Task,
    TaskSource,
    fit,
    over_tasks,
    paired_difference,
)
from tokay.core.inner.coordinatewise import WithOptimizer, drawn_weights
from tokay.core.inner.descent import SGD, Adam, InnerOptimizer, Moments, Params, examples_loss, optimize, trainable
from tokay.core.inner.minibatches import minibatches
from tokay.core.objectives import objective
from tokay.core.probability.noise import task_seed
from tokay.core.seeding import generator
from tokay.runs.run import git_commit
from tokay.tasks import Glyphs, Quadratic

sys.path.insert(0, str(Path(__file__).parent))
from run import hardware

RESULTS = Path(__file__).parent / "results"
STEPS, SHOWN = 100, (0, 10, 20, 50, 100)
RATES = [10 ** (exponent / 2) for exponent in range(-8, 4)]  # 1e-4 ... 31.6


@dataclass(frozen=True)
class RMSprop(InnerOptimizer):
    """As ``torch.optim.RMSprop`` with its usual 0.99."""

    lr: float

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        second = {name: 0.99 * moments.second.get(name, 0.0) + 0.01 * g * g for name, g in grads.items()}
        moved = {name: p - self.lr * grads[name] / (second[name].sqrt() + 1e-8) for name, p in params.items()}
        return moved, Moments(moments.step + 1, {}, second)


HAND_MADE = {
    "SGD": lambda rate: SGD(rate),
    "momentum 0.9": lambda rate: SGD(rate, momentum=0.9),
    "Adam": lambda rate: Adam(rate),
    "RMSprop": lambda rate: RMSprop(rate),
}


class OneFunction:
    """The tasks of a source as functions to minimise: the query set is the support set."""

    def __init__(self, source: TaskSource) -> None:
        self.source, self.spec = source, source.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        drawn = self.source.sample(tasks, generator)
        return Task(drawn.support, drawn.support)


def mlp(inputs: int, *hidden: int, outputs: int = 10) -> nn.Module:
    """Sigmoid units, as in the paper."""
    layers: list[nn.Module] = [nn.Flatten()]
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.Sigmoid()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


@dataclass(frozen=True)
class Problem:
    """A family of functions, how the optimizer is trained on it, and the networks that it is compared on."""

    train: TaskSource
    tuning: TaskSource
    test: TaskSource
    method: LearnedOptimizer
    fit: FitConfig
    networks: dict[str, nn.Module]  # the first is the one it is trained on
    tuned_on: int  # functions that rates are found on: where some are steep, a few let a rate pass that explodes


def problems(fraction: float, seed: int) -> dict[str, Problem]:
    torch.manual_seed(seed)
    quadratics, letters = Quadratic(), Glyphs(size=14)
    ten = Sizes(ways=10, shots=19, queries=1)  # 190 pictures
    common = {"start": "random", "inner_steps": STEPS, "unroll_steps": 20}

    def steps(full: int) -> int:
        return max(2, round(fraction * full))

    return {
        "quadratics": Problem(
            *(quadratics.tasks("test", Sizes(shots=10)) for _ in range(3)),
            LearnedOptimizer(**common, preprocess="none", step_scale=0.1),
            FitConfig(steps=steps(4000), meta_batch=16, lr=3e-3, schedule="linear", validate_every=0, seed=seed),
            {"10 unknowns": nn.Linear(10, 1, bias=False)},
            tuned_on=10_000,
        ),
        "letters": Problem(
            *(OneFunction(letters.tasks(split, ten)) for split in ("train", "validation", "test")),
            LearnedOptimizer(**common, inner_batch=128, step_scale=0.1),
            FitConfig(steps=steps(600), meta_batch=2, lr=3e-3, schedule="linear", validate_every=0, seed=seed),
            {"20 hidden": mlp(196, 20), "40 hidden": mlp(196, 40), "20 and 20 hidden": mlp(196, 20, 20)},
            tuned_on=100,
        ),
    }


def loss_along(states: Iterator[Params], net: nn.Module, examples: Examples) -> Tensor:
    """The loss on all examples after the steps that are shown."""
    at = [step_state for step_state in enumerate(states) if step_state[0] in SHOWN]
    return torch.stack([objective(torch.func.functional_call(net, dict(p), (examples.x,)), examples.y) for _, p in at])


def by_hand(net: nn.Module, optimizer: InnerOptimizer, batch: int, tasks: Task) -> Tensor:
    """Losses ``[tasks, shown]`` of an optimizer with a fixed rule, from the starts that the learned one has."""

    def run(task: Task) -> Tensor:
        begun = drawn_weights(trainable(net), task_seed(task.support))
        batches = minibatches(task.support, batch, STEPS)
        states = optimize(examples_loss(net), begun, batches, optimizer, first_order=True)
        return loss_along((params for params, _ in states), net, task.support)

    with torch.no_grad():
        return over_tasks(run, tasks, chunk_size=50)


def learned(method: LearnedOptimizer, net: nn.Module, optimizer: nn.Module, tasks: Task) -> Tensor:
    """The same of the learned one, beside ``net``."""
    beside = WithOptimizer(net, optimizer)
    with torch.no_grad():
        return over_tasks(
            lambda task: loss_along(method.path(beside, task.support), net, task.support), tasks, chunk_size=10
        )


def tuned(net: nn.Module, name: str, batch: int, tasks: Task) -> float:
    """The rate with the least loss at the end, on functions that are not compared on."""
    ends = {rate: float(by_hand(net, HAND_MADE[name](rate), batch, tasks)[:, -1].mean()) for rate in RATES}
    return min(ends, key=lambda rate: ends[rate] if ends[rate] == ends[rate] else float("inf"))


def trained(family: str, problem: Problem) -> nn.Module:
    """The optimizer alone, trained on the first network of the problem."""
    step = problem.method.build(nn.Flatten(), problem.train.spec).optimizer
    first = next(iter(problem.networks.values()))
    net = WithOptimizer(deepcopy(first), step, drawn=True)
    for done in fit(problem.method, net, problem.train, problem.fit):
        if done.step % 50 == 0 or done.step == problem.fit.steps:
            end = done.metrics["loss"]
            print(f"{family}: step {done.step}, {done.cost:.4f} along the way, {end:.4f} at the end", flush=True)
    return step


def compared(problem: Problem, step: nn.Module, *, tasks: int, tuning: int, seed: int) -> Iterator[dict[str, Any]]:
    """A row for every network and optimizer, on the same functions from the same starts."""
    unseen = problem.test.sample(tasks, generator(seed, "optimizers", 0))
    others = problem.tuning.sample(tuning, generator(seed, "optimizers", 1))
    batch = problem.method.inner_batch
    for network, net in problem.networks.items():
        ours = learned(problem.method, net, step, unseen)
        yield row(network, "learned", ours)
        for name in HAND_MADE:
            rate = tuned(net, name, batch, others)
            losses = by_hand(net, HAND_MADE[name](rate), batch, unseen)
            difference = paired_difference(ours[:, -1], losses[:, -1])
            against = {"mean": difference.mean, "ci95": difference.ci95}
            yield row(network, name, losses) | {"rate": rate, "learned_minus_this": against}


def row(network: str, optimizer: str, losses: Tensor) -> dict[str, Any]:
    """The scores of one optimizer on one network. Losses: [tasks, shown]."""
    end = Score.of(losses[:, -1])
    print(f"{network}, {optimizer}: {end.mean:.4f} ± {end.ci95:.4f}", flush=True)
    return {
        "network": network,
        "optimizer": optimizer,
        "tasks": end.tasks,
        "loss": {"mean": end.mean, "ci95": end.ci95},
        "curve": {str(step): float(losses[:, i].mean()) for i, step in enumerate(SHOWN)},
        "transductive": False,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fraction", type=float, default=1.0, help="of the outer steps and of the functions compared on"
    )
    parser.add_argument("--families", nargs="+", default=["quadratics", "letters"], choices=["quadratics", "letters"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for optimizers-FAMILY.json")
    given = parser.parse_args()
    tasks = max(10, round(given.fraction * 500))
    for family, problem in problems(given.fraction, given.seed).items():
        if family not in given.families:
            continue
        tuning = max(4, round(given.fraction * problem.tuned_on))
        started = time.perf_counter()
        step = trained(family, problem)
        report = {
            "recipe": f"optimizers-{family}",
            "command": "python benchmarks/accuracy/optimizers.py "
            f"--families {family} --fraction {given.fraction:g} --seed {given.seed}",
            "note": f"Losses after {STEPS} steps; every rate but the learned one is the best of {len(RATES)}, found on "
            f"{tuning:,} other functions.",
            "steps": problem.fit.steps,
            "training_seconds": round(time.perf_counter() - started, 1),
            "seed": given.seed,
            "commit": git_commit(),
            "torch": torch.__version__,
            "hardware": hardware(),
            "threads": torch.get_num_threads(),
            "results": list(compared(problem, step, tasks=tasks, tuning=tuning, seed=given.seed)),
        }
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / f"{report['recipe']}.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
