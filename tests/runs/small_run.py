"""A small run on sine waves, whose settings differ from the defaults."""

from pathlib import Path

from tokay.algorithms import MAML
from tokay.core.task import Sizes, TaskSpec
from tokay.networks import MLP
from tokay.runs.run import Run
from tokay.runs.settings import write
from tokay.tasks import Sinusoid
from tokay.training.config import FitConfig

SPEC = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")
RUN = Run(
    algorithm=MAML(inner_lr=0.01),
    source=Sinusoid(),
    network=MLP(hidden=(8,)),
    test=Sizes(ways=1, shots=5, queries=6),
    train=Sizes(ways=1, shots=7, queries=8),
    fit=FitConfig(steps=3),
)


def create(path: Path, run: Run = RUN, spec: TaskSpec = SPEC) -> Path:
    """Make a run folder with nothing but its settings."""
    path.mkdir(parents=True, exist_ok=True)
    write(path, run, spec)
    return path
