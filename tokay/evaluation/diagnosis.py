"""What may be wrong with a trained network: each check returns findings, one line each that says what to do."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.batching import count_tasks, over_tasks, task_slice
from ..core.engine.private_copy import evaluation_copy
from ..core.task import Task
from .batch_dependence import answers_differ

_NOTHING = 1e-3  # a relative change of the loss that counts as none


class Finding(NamedTuple):
    """Something that is probably wrong."""

    name: str  # for programs
    text: str  # one line: what, and what to do


def diagnose(algorithm: Algorithm[Any], net: nn.Module, training: Task, test: Task) -> list[Finding]:
    """All findings about a trained network. ``training`` and ``test`` are a few tasks of each split.

    The checks are of weights without gradient, of adaptation that explodes or does nothing, of answers that are constant,
    and of ``vmap`` beside a loop.
    """
    net = evaluation_copy(net)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [
            *(find_dead_weights(algorithm, net, training) if algorithm.learns else []),
            *find_useless_adaptation(algorithm.at_test(), net, test),
            *find_constant_answers(algorithm.at_test(), net, test),
            *find_other_loop(algorithm.at_test(), net, test),
        ]


def find_dead_weights(algorithm: Algorithm[Any], net: nn.Module, tasks: Task) -> list[Finding]:
    """Weights whose gradient is zero on all ``tasks``: training no longer changes them."""
    weights = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    if not weights:
        return [Finding("no gradient", "no weight is trainable: unfreeze some with requires_grad_(True).")]
    losses = over_tasks(lambda task: algorithm.loss(net, task)[0], tasks)
    if not losses.requires_grad:  # a method with another meta-gradient than that of its loss
        return []
    gradients = torch.autograd.grad(algorithm.reduce(losses), list(weights.values()), allow_unused=True)
    dead = [name for name, gradient in zip(weights, gradients, strict=True) if gradient is None or not gradient.any()]
    if not dead:
        return []
    names = ", ".join(dead[:3]) + (f" and {len(dead) - 3} more" if len(dead) > 3 else "")
    advice = "Units may be dead (lower --lr), or the network does not use them."
    return [Finding("no gradient", f"{len(dead)} of {len(weights)} weights have no gradient ({names}). {advice}")]


def find_useless_adaptation(algorithm: Algorithm[Any], net: nn.Module, tasks: Task) -> list[Finding]:
    """An inner loop that makes the loss of the support set infinite or larger, or leaves it as it is."""
    losses = []  # before and after, of each task
    for task in _each(tasks):
        states = list(algorithm.path(net, task.support))
        if len(states) < 2:
            return []
        with torch.no_grad():
            losses.append([_loss(algorithm.predict(net, state, task.support.x), task.support.y) for state in states])
    start, end = torch.tensor([[task[0], task[-1]] for task in losses]).mean(0).tolist()
    if not end <= 2 * start + 1e-6:  # NaN too
        return [
            Finding("explodes", f"adapting raises the support loss from {start:.3g} to {end:.3g}. Lower --inner-lr.")
        ]
    if abs(end - start) < _NOTHING * max(abs(start), 1e-6) and start > 1e-3:
        text = f"adapting leaves the support loss at {start:.3g}. Raise --inner-lr or the number of inner steps."
        return [Finding("does nothing", text)]
    return []


def find_constant_answers(algorithm: Algorithm[Any], net: nn.Module, tasks: Task) -> list[Finding]:
    """One answer to all queries, in most tasks."""
    constant = 0
    for answers in _answers(algorithm, net, tasks, "loop"):
        spread = (
            answers.argmax(-1).unique().numel() if tasks.query.y.dtype == torch.bool else answers.std(0).max() > 1e-6
        )
        constant += int(spread) <= (1 if tasks.query.y.dtype == torch.bool else 0)
    if constant <= count_tasks(tasks) / 2:
        return []
    text = f"in {constant} of {count_tasks(tasks)} tasks all queries have one answer. Train longer, or lower --lr."
    return [Finding("constant", text)]


def find_other_loop(algorithm: Algorithm[Any], net: nn.Module, tasks: Task) -> list[Finding]:
    """Answers under ``vmap`` that are not those of a loop."""
    if not answers_differ(_answers(algorithm, net, tasks, "vmap"), _answers(algorithm, net, tasks, "loop")):
        return []
    text = "vmap and a loop over tasks give different answers: the network or the method draws numbers, or has a fault."
    return [Finding("vmap", f"{text} Train with --mode loop, and compare.")]


def _answers(algorithm: Algorithm[Any], net: nn.Module, tasks: Task, mode: Any) -> Tensor:
    """The answers to the queries ``[tasks, m, d]``."""
    with torch.no_grad():
        return over_tasks(
            lambda task: algorithm.predict(net, algorithm.adapt(net, task.support), task.query.x), tasks, mode=mode
        )


def _each(tasks: Task) -> list[Task]:
    parts = [task_slice(tasks, i, i + 1) for i in range(count_tasks(tasks))]
    return [Task(*(type(examples)(examples.x[0], examples.y[0]) for examples in part)) for part in parts]


def _loss(predictions: Tensor, y: Tensor) -> float:
    if y.dtype == torch.bool:
        return float(nn.functional.cross_entropy(predictions, y.to(predictions.dtype)))
    return float((predictions - y).square().mean())
