"""A learned optimizer against tuned ones, after 100 steps: python benchmarks/accuracy/optimizers.py [--fraction 0.05]

There are two families of functions to minimise: random quadratics of ten unknowns, and a small network on ten classes of
letters, in mini-batches. One learned optimizer is trained per family. It is compared with SGD, momentum, Adam and RMSprop on
unseen functions, from the same initial weights, and also on networks that it was not trained on. Each other optimizer uses
the best learning rate of a grid, found for the same network on other functions of the family.

The loss is over all examples of a function (there is no query set here). The interval is over functions.
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
from tokay.core.inner.coordinatewise import WithOptimizer, draw_weights
from tokay.core.inner.descent import SGD, Adam, InnerOptimizer, Moments, Params, examples_loss, optimize, trainable
from tokay.core.inner.minibatches import minibatches
from tokay.core.objectives import objective
from tokay.core.probability.noise import task_seed
from tokay.core.seeding import generator
from tokay.runs.machine import git_commit
from tokay.tasks import Glyphs, Quadratic

sys.path.insert(0, str(Path(__file__).parent))
from run import hardware

RESULTS = Path(__file__).parent / "results"
STEPS, CURVE_STEPS = 100, (0, 10, 20, 50, 100)
RATES = [10 ** (exponent / 2) for exponent in range(-8, 4)]  # 1e-4 ... 31.6


@dataclass(frozen=True)
class RMSprop(InnerOptimizer):
    """Equal to ``torch.optim.RMSprop`` with its default of 0.99."""

    lr: float

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        second = {name: 0.99 * moments.second.get(name, 0.0) + 0.01 * g * g for name, g in grads.items()}
        updated = {name: p - self.lr * grads[name] / (second[name].sqrt() + 1e-8) for name, p in params.items()}
        return updated, Moments(moments.step + 1, {}, second)


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
        batch = self.source.sample(tasks, generator)
        return Task(batch.support, batch.support)


def mlp(inputs: int, *widths: int, outputs: int = 10) -> nn.Module:
    """A network of sigmoid units, as in the paper."""
    layers: list[nn.Module] = [nn.Flatten()]
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.Sigmoid()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


@dataclass(frozen=True)
class Problem:
    """A family of functions, the training of the optimizer on it, and the networks for the comparison."""

    train: TaskSource
    tuning: TaskSource
    test: TaskSource
    method: LearnedOptimizer
    fit: FitConfig
    networks: dict[str, nn.Module]  # the optimizer is trained on the first
    tuned_on: int  # number of functions for tuning rates; with too few, a rate that diverges on steep ones may win


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
    """The loss on all examples after each of ``CURVE_STEPS``."""
    weights = [params for step, params in enumerate(states) if step in CURVE_STEPS]
    return torch.stack(
        [objective(torch.func.functional_call(net, dict(p), (examples.x,)), examples.y) for p in weights]
    )


def hand_made_losses(net: nn.Module, optimizer: InnerOptimizer, batch: int, tasks: Task) -> Tensor:
    """Losses ``[tasks, curve steps]`` of an optimizer with a fixed rule, from the initial weights of the learned one."""

    def run(task: Task) -> Tensor:
        initial = draw_weights(trainable(net), task_seed(task.support))
        batches = minibatches(task.support, batch, STEPS)
        states = optimize(examples_loss(net), initial, batches, optimizer, first_order=True)
        return loss_along((params for params, _ in states), net, task.support)

    with torch.no_grad():
        return over_tasks(run, tasks, chunk_size=50)


def learned_losses(method: LearnedOptimizer, net: nn.Module, optimizer: nn.Module, tasks: Task) -> Tensor:
    """Losses ``[tasks, curve steps]`` of the learned optimizer on ``net``."""
    both = WithOptimizer(net, optimizer)
    with torch.no_grad():
        return over_tasks(
            lambda task: loss_along(method.path(both, task.support), net, task.support), tasks, chunk_size=10
        )


def best_rate(net: nn.Module, name: str, batch: int, tasks: Task) -> float:
    """The rate with the smallest final loss, on functions outside the comparison. A NaN counts as infinite."""
    losses = {rate: float(hand_made_losses(net, HAND_MADE[name](rate), batch, tasks)[:, -1].mean()) for rate in RATES}
    return min(losses, key=lambda rate: losses[rate] if losses[rate] == losses[rate] else float("inf"))


def train_optimizer(family: str, problem: Problem) -> nn.Module:
    """Train an optimizer on the first network of the problem. Returns the optimizer without the network."""
    optimizer = problem.method.build(nn.Flatten(), problem.train.spec).optimizer
    first = next(iter(problem.networks.values()))
    net = WithOptimizer(deepcopy(first), optimizer, draw_weights=True)
    for step in fit(problem.method, net, problem.train, problem.fit):
        if step.step % 50 == 0 or step.step == problem.fit.steps:
            loss = step.metrics["loss"]
            print(f"{family}: step {step.step}, cost {step.cost:.4f}, final loss {loss:.4f}", flush=True)
    return optimizer


def compare(problem: Problem, optimizer: nn.Module, *, tasks: int, tuning: int, seed: int) -> Iterator[dict[str, Any]]:
    """One row per network and optimizer, on the same functions from the same initial weights."""
    unseen = problem.test.sample(tasks, generator(seed, "optimizers", 0))
    tuning_tasks = problem.tuning.sample(tuning, generator(seed, "optimizers", 1))
    batch = problem.method.inner_batch
    for network, net in problem.networks.items():
        ours = learned_losses(problem.method, net, optimizer, unseen)
        yield row(network, "learned", ours)
        for name in HAND_MADE:
            rate = best_rate(net, name, batch, tuning_tasks)
            losses = hand_made_losses(net, HAND_MADE[name](rate), batch, unseen)
            difference = paired_difference(ours[:, -1], losses[:, -1])
            gap = {"mean": difference.mean, "ci95": difference.ci95}
            yield row(network, name, losses) | {"rate": rate, "learned_minus_this": gap}


def row(network: str, optimizer: str, losses: Tensor) -> dict[str, Any]:
    """The scores of one optimizer on one network. Losses: [tasks, curve steps]."""
    final = Score.of(losses[:, -1])
    print(f"{network}, {optimizer}: {final.mean:.4f} ± {final.ci95:.4f}", flush=True)
    return {
        "network": network,
        "optimizer": optimizer,
        "tasks": final.tasks,
        "loss": {"mean": final.mean, "ci95": final.ci95},
        "curve": {str(step): float(losses[:, i].mean()) for i, step in enumerate(CURVE_STEPS)},
        "transductive": False,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fraction", type=float, default=1.0, help="fraction of the outer steps and of the functions")
    parser.add_argument("--families", nargs="+", default=["quadratics", "letters"], choices=["quadratics", "letters"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for optimizers-FAMILY.json")
    args = parser.parse_args()
    tasks = max(10, round(args.fraction * 500))
    for family, problem in problems(args.fraction, args.seed).items():
        if family not in args.families:
            continue
        tuning = max(4, round(args.fraction * problem.tuned_on))
        started = time.perf_counter()
        optimizer = train_optimizer(family, problem)
        report = {
            "recipe": f"optimizers-{family}",
            "command": "python benchmarks/accuracy/optimizers.py "
            f"--families {family} --fraction {args.fraction:g} --seed {args.seed}",
            "note": f"Losses after {STEPS} steps; every rate but the learned one is the best of {len(RATES)}, found on "
            f"{tuning:,} other functions.",
            "steps": problem.fit.steps,
            "training_seconds": round(time.perf_counter() - started, 1),
            "seed": args.seed,
            "commit": git_commit(),
            "torch": torch.__version__,
            "hardware": hardware(),
            "threads": torch.get_num_threads(),
            "results": list(compare(problem, optimizer, tasks=tasks, tuning=tuning, seed=args.seed)),
        }
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / f"{report['recipe']}.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
