"""``tokay train --resume RUN``: continue a run where it stopped, or make a complete one longer."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..core.network import device_of
from ..core.task import TaskSource
from ..errors import ConfigError
from ..runs.checkpoint import build_network, computation_change, load_state
from ..runs.data_record import check_resumable
from ..runs.file_names import MODEL, STATE
from ..runs.folder import existing_folder
from ..runs.run import Run
from ..runs.settings import change_fit, read
from ..training.config import FitConfig
from ..training.fit import FitState, check_patience, is_complete, is_stopped_early
from ..training.plan import follows_total, resolve
from .formats import find_device
from .output import stderr
from .training_loop import Limits, train_in


@dataclass(frozen=True, kw_only=True)
class Resume:
    """How to continue a run."""

    resume: str
    """run folder to continue, exactly where it stopped"""
    steps: int | None = None
    """new total number of outer steps (default: that of the run)"""
    minutes: float | None = None
    """train for about so many minutes more, in place of --steps"""
    patience: int | None = None
    """stop early after so many validations without a better score; 0: train all steps (default: that of the run)"""
    save_every: int = 100
    """outer steps between saves: at most so many are lost if the process is killed"""
    changed_data: bool = False
    """go on although the training data changed since the run was started"""
    device: str = "auto"
    """auto, cpu, cuda, ..."""

    def __post_init__(self) -> None:
        Limits(save_every=self.save_every, minutes=self.minutes)
        if self.minutes is not None and self.steps is not None:
            raise ConfigError("tokay train: --minutes and --steps both say how long to train. Give one of them.")
        FitConfig(patience=self.patience or 0)


def resume(args: Resume) -> None:
    """Train on in the folder of a run, until the run is complete."""
    path, device = Path(args.resume), find_device(args.device)
    with existing_folder(path) as folder:
        run, spec = read(path)
        net = build_network(path, run, spec).to(device)
        optimizer = None
        if run.algorithm.learns:
            optimizer = resolve(run.algorithm, run.fit).make_optimizer(net, where=run.algorithm.name)
        state = load_state(path, run, net, optimizer)
        if optimizer is not None and not state.step and (path / MODEL).exists():
            stderr.print(f"{path}: has weights but no {STATE}, so the training starts again at step 0.", markup=False)
        if changes := check_resumable(path, run, changed_data=args.changed_data):
            stderr.print(f"{path}: {changes}. The run keeps its division of the classes.", markup=False)
        training, validation = run.tasks("train"), run.validation_tasks()
        new_run = _with_changes(path, args, run, state)
        check_patience(new_run.fit, validation, where=str(path))
        if is_stopped_early(state, new_run.fit) and (args.minutes is not None or new_run.fit.steps > run.fit.steps):
            raise ConfigError(
                f"{path}: stopped early after {state.step} steps, so more steps alone train nothing. Add --patience 0 to "
                f"train all steps, or a patience above {new_run.fit.patience}."
            )
        if not run.algorithm.learns or (args.minutes is None and is_complete(state, new_run.fit)):
            stderr.print(_describe_end(path, new_run, state), markup=False)
        elif change := computation_change(path, device_of(net)):
            stderr.print(f"{path}: {change}: the result may differ in the last bits.", markup=False)
        if new_run.fit.steps != run.fit.steps or args.minutes is not None:
            _say_what_follows_the_total(path, run, training, state)
        if new_run != run:
            change_fit(path, steps=new_run.fit.steps, patience=new_run.fit.patience)
        train_in(
            folder, new_run, net, training, validation, state, Limits(save_every=args.save_every, minutes=args.minutes)
        )


def _describe_end(path: Path, run: Run, state: FitState) -> str:
    """That a run is complete, and how it can go on."""
    if not run.algorithm.learns:
        return f"{path}: is complete, {run.algorithm.name} does not train."
    if is_stopped_early(state, run.fit):
        best = f"the best was step {state.best_step}"
        return f"{path}: is complete, it stopped early after {state.step} steps; {best}. --patience 0 trains all steps."
    return f"{path}: is complete, all {state.step} steps are done. --steps TOTAL makes it longer."


def _with_changes(path: Path, args: Resume, run: Run, state: FitState) -> Run:
    """The run with the steps and the patience of ``args``. Raises ``ConfigError`` for fewer steps than are done."""
    steps = run.fit.steps if args.steps is None else args.steps
    if steps < state.step:
        raise ConfigError(
            f"{path}: --steps is the new total, at least the {state.step} steps that are done, got {steps}. "
            f"For {steps} steps more: --steps {state.step + max(steps, 0)}."
        )
    patience = run.fit.patience if args.patience is None else args.patience
    return replace(run, fit=replace(run.fit, steps=steps, patience=patience))


def _say_what_follows_the_total(path: Path, run: Run, training: TaskSource, state: FitState) -> None:
    parts = follows_total(run.algorithm, run.fit, training) if state.step else []
    if parts:
        stderr.print(
            f"{path}: {' and '.join(parts)} followed a total of {run.fit.steps} steps so far and the new one from here on, so "
            "the result is not that of a run started with the new total.",
            markup=False,
        )
