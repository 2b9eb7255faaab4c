"""The sizes of training episodes, from the flags of ``tokay train``. What the flags leave open, the method's paper decides."""

from typing import Any

from ..core.algorithm import Algorithm
from ..core.task import Sizes, TaskSpec
from ..runs.episode_sizes import (
    affordable_ways,
    is_episodic as is_episodic,
    most_ways,
    spec_of_test_tasks as spec_of_test_tasks,
    training_sizes,
)
from ..runs.run import Run
from ..tasks import Source
from .task_sizes import SequenceTraining, TrainingSizes


def default_sizes(
    algorithm: Algorithm[Any], source: Source, test: Sizes, spec: TaskSpec, flags: TrainingSizes
) -> Sizes:
    """The training sizes: those that ``flags`` set, and for the rest those of ``training_sizes``."""
    queries = None if isinstance(flags, SequenceTraining) else flags.train_queries
    return training_sizes(
        algorithm, source, test, spec, ways=flags.train_ways, shots=flags.train_shots, queries=queries
    )


def explain_ways(run: Run, spec: TaskSpec, flags: TrainingSizes) -> str:
    """One line if training episodes have fewer ways than in the paper because a step would cost too much. Else empty."""
    paper = run.algorithm.training_sizes_for(run.test, spec).ways
    is_default = flags.train_ways is None and run.algorithm.any_ways and is_episodic(run.algorithm)
    if run.source.pixels_per_step is None or not is_default or run.train.ways >= paper:
        return ""
    if run.train.ways > max(run.test.ways, affordable_ways(run.algorithm, run.source, run.train, spec)):
        return ""
    if run.train.ways == most_ways(run.source, run.train):  # the data have no more
        return ""
    return (
        f"{run.source.name}: training episodes have {run.train.ways} ways, not the {paper} of the paper, which keeps a step "
        "short. --train-ways changes it, --size makes pictures smaller."
    )
