"""How well a method learns tasks it has never seen, with intervals, and how two methods differ on the same tasks."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..core.algorithm import Algorithm
from ..core.engine.adaptation_states import over_states, shown_states
from ..core.engine.batching import Mode, over_tasks, task_slice, tasks_in
from ..core.network import device_of
from ..core.objectives import metrics
from ..core.predictions import answer, check_answers, own_measures
from ..core.probability.calibration import expected_calibration_error
from ..core.seeding import BLOCK as BLOCK, derive, evaluation_blocks
from ..core.task import Task, TaskSource, check_task
from ..errors import ConfigError
from ..tasks.fixed_tasks import FixedTasks
from .scores import Evaluation, Score


def evaluate(
    algorithm: Algorithm[Any],
    net: nn.Module,
    source: TaskSource,
    *,
    tasks: int = 600,
    seed: int = 0,
    inductive: bool = False,
    curve: bool = True,
    chunk_size: int | None = None,
    mode: Mode = "vmap",
    advanced: Callable[[int], object] | None = None,
) -> Evaluation:
    """Adapt to ``tasks`` tasks with the method's test settings and score the queries.

    The same seed gives every method the same tasks. A source that is a list (``FixedTasks``) has no others: its tasks are
    scored in their order, each once at most, so that a larger number means all of them; scores say how many there were.

    With ``inductive`` each query is answered alone beside the support set, as in the Reptile paper; otherwise all queries
    of a task go through the network together, which lets batch norm see them ("transductive", where it makes a
    difference; ``Evaluation.transductive`` says whether it did).

    ``advanced`` is told how many tasks are done, for a progress bar.

    Raises ``TaskError`` when the tasks do not fit the network, ``NetworkError`` when it cannot be used like this.
    """
    if tasks < 2:
        raise ConfigError(f"evaluate: tasks must be at least 2 for an interval, got {tasks}. 600 is usual.")
    tasks = scored(source, tasks)
    started = time.perf_counter()
    check_answers(algorithm, net, source.spec, where="evaluate")
    sequences = source.spec.kind == "sequence"
    if inductive and sequences:
        raise ConfigError("evaluate: the rows of a sequence come one after the other, none alone. Leave out inductive.")
    algorithm = algorithm.at_test()
    device = device_of(net)
    shown: list[int] = []
    collected: list[tuple[dict[str, Tensor], Tensor, Tensor]] = []
    transductive = False
    with torch.no_grad(), torch.random.fork_rng():
        for index, done, block in _together(blocks(source, tasks, seed), device):
            task_batch = move(block, device)
            if index == 0:
                check_task(task_batch, source.spec, where="evaluate")
                transductive = not inductive and _depends_on_other_queries(algorithm, net, task_batch, mode)
            torch.manual_seed(derive(seed, "evaluate-draws", index))

            def measured(task: Task) -> tuple[dict[str, Tensor], Tensor, Tensor]:
                shown[:] = []

                def states() -> Iterator[Any]:
                    for step, state in shown_states(algorithm, net, task.support, curve=curve):
                        shown.append(step)
                        yield state

                def asked_of(state: Any) -> tuple[dict[str, Tensor], Tensor]:
                    asked = answer(algorithm, net, state, task.support.x, task.query.x, inductive=inductive)
                    row = metrics(asked, task.query.y)
                    row |= own_measures(algorithm, net, state, task, inductive=inductive)
                    if curve and not sequences:
                        learned = metrics(algorithm.predict(net, state, task.support.x), task.support.y)
                        row |= {f"support_{name}": value for name, value in learned.items()}
                    return row, asked

                found, asked = over_states(asked_of, states(), mode=mode)  # [steps], [steps, m, d]
                return found, *_sure_and_right(asked[-1], task.query.y)

            chunk = chunk_size or comfortable_chunk(task_batch)
            collected.append(over_tasks(measured, task_batch, chunk_size=chunk, mode=mode))
            if advanced:
                advanced(done)
    values = {
        name: torch.cat([part[0][name] for part in collected]).cpu() for name in collected[0][0]
    }  # [tasks, steps]
    sure = torch.cat([part[1].flatten() for part in collected])
    right = torch.cat([part[2].flatten() for part in collected])
    return Evaluation(
        scores={name: Score.of(value[:, -1]) for name, value in values.items()},
        curve={step: {name: Score.of(value[:, i]) for name, value in values.items()} for i, step in enumerate(shown)},
        per_task={name: value[:, -1] for name, value in values.items()},
        per_step=values,
        calibration_error=_calibration_error(sure, right) if "accuracy" in values else None,
        transductive=transductive,
        seconds=time.perf_counter() - started,
    )


def scored(source: TaskSource, tasks: int) -> int:
    """How many of ``tasks`` are scored: no more than there are, where the source is a list of them."""
    return min(tasks, len(source)) if isinstance(source, FixedTasks) else tasks


def blocks(source: TaskSource, tasks: int, seed: int) -> Iterator[tuple[int, Task]]:
    """``tasks`` tasks in blocks; those of a list in its own order."""
    for index, (generator, used) in enumerate(evaluation_blocks(tasks, seed)):
        if isinstance(source, FixedTasks):
            yield index, source.part(index * BLOCK, index * BLOCK + used)
        else:
            yield index, task_slice(source.sample(BLOCK, generator), 0, used)


# So many tasks at a time on an accelerator, where it is kernels that take time and not tasks; some kernels take no more.
_TOGETHER = 500


def _together(each: Iterable[tuple[int, Task]], device: torch.device) -> Iterator[tuple[int, int, Task]]:
    """Blocks as they come, on an accelerator many of one shape as one: the number of the first, tasks so far, the tasks."""
    done, start, parts = 0, 0, list[Task]()
    for index, block in each:
        most = 1 if device.type == "cpu" else min(_TOGETHER, comfortable(block, device)) // BLOCK
        if parts and (len(parts) >= most or _shapes(block) != _shapes(parts[0])):
            yield start, done, _joined(parts)
            parts = []
        if not parts:
            start = index
        parts.append(block)
        done += tasks_in(block)
    yield start, done, _joined(parts)


def _shapes(tasks: Task) -> list[torch.Size]:
    return [tensor.shape[1:] for part in tasks for tensor in part]


def _joined(parts: list[Task]) -> Task:
    if len(parts) == 1:
        return parts[0]
    whole: Task = tree_map(lambda *tensors: torch.cat(tensors), *parts)
    return whole


def _sure_and_right(predictions: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of each answer ``[m]``, NaN for padding, and whether it is right."""
    sure = torch.where(y.any(-1).bool(), predictions.softmax(-1).max(-1).values, torch.nan)
    return sure, predictions.argmax(-1) == y.int().argmax(-1)


def _calibration_error(sure: Tensor, right: Tensor) -> float:
    asked = ~sure.isnan()
    return float(expected_calibration_error(sure[asked], right[asked]))


def _depends_on_other_queries(algorithm: Algorithm[Any], net: nn.Module, tasks: Task, mode: Mode) -> bool:
    """Ask the first task's queries twice, the second half of them changed: do the answers to the first half differ?

    Asking is surer than looking for norm layers: it sees whatever a user's module does with its batch.
    """

    def both(task: Task) -> tuple[Tensor, Tensor]:
        state = algorithm.adapt(net, task.support)
        x = task.query.x
        half = (len(x) + 1) // 2
        changed = torch.cat([x[:half], -x[half:]])
        return algorithm.predict(net, state, x)[:half], algorithm.predict(net, state, changed)[:half]

    before, after = over_tasks(both, task_slice(tasks, 0, 1), mode=mode)
    return not torch.allclose(before, after, rtol=1e-3, atol=1e-4)


def comfortable(tasks: Task, device: torch.device) -> int:
    """So many tasks that a few hundred examples are in the network at a time: more would not fit a processor's cache.

    An accelerator wants many at once, as far as its memory goes: so many that their inputs are 32 million numbers.
    """
    x = tasks.support.x
    examples = x.shape[1] + tasks.query.x.shape[1]
    return max(1, 500 // examples if device.type == "cpu" else 32_000_000 // (examples * x[0, 0].numel()))


def comfortable_chunk(tasks: Task) -> int:
    """``comfortable``, and no more than there are."""
    return min(tasks_in(tasks), comfortable(tasks, tasks.support.x.device))


def move(tasks: Task, device: torch.device) -> Task:
    """``tasks`` with every tensor on ``device``."""
    support, query = (type(part)(*(tensor.to(device) for tensor in part)) for part in tasks)
    return Task(support, query)
