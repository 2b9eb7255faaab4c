"""``tokay.train``: meta-train in one call, with a progress bar, and get a learner."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ..core.algorithm import Algorithm
from ..core.network import device_of, find_device
from ..core.task import Sizes, TaskSource
from ..errors import ConfigError
from ..learner.learner import Learner
from ..runs.data_record import write_record
from ..runs.folder import check_place, new_folder
from ..runs.recorder import Recorder
from ..runs.settings import write
from ..tasks import Source
from ..tasks.source import on_device
from .config import FitConfig, check_device
from .fit import FitState, fit
from .interrupts import deferred_interrupts
from .job import Backbone, Job, describable_run, describe, job_from_source, job_from_tasks
from .report import TrainingReport


def train(
    algorithm: Algorithm[Any],
    tasks: Source | TaskSource,
    *,
    network: Backbone = None,
    steps: int | None = None,
    config: FitConfig | None = None,
    test: Sizes | None = None,
    training: Sizes | None = None,
    validation: TaskSource | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    save_every: int = 100,
    device: torch.device | str = "cpu",
    quiet: bool = False,
) -> Learner:
    """Meta-trains a method and returns a ``Learner``, ready for ``fit`` on a new task. Shows progress unless ``quiet``.

    ``tasks`` is a source such as ``Glyphs()``: it has training and validation classes. Or it is anything with a ``spec``
    and a ``sample`` (see ``TaskSource``), with other tasks as ``validation`` if you want the best weights.

    ``network`` is the backbone ``[n, *x_shape] -> [n, features]``: settings (``Conv4(filters=32)``), a name ("conv4") or
    any module, which is then trained in place. Default: that of the papers of the method or the source.

    ``steps`` is short for ``config=FitConfig(steps=...)``, which has all settings of the training. For a source, ``test``
    has the sizes of test tasks (default: those of the source) and ``training`` those of training episodes (default: those
    of the method's paper). Settings of the method that are None follow the task, as with ``tokay train``.

    ``out`` names a new run folder, for ``tokay plot``, ``evaluate``, ``compare`` and ``train --resume``; what exists there
    is only replaced with ``overwrite``. At most ``save_every`` steps are lost if the process is killed. Ctrl-C ends the
    running step, saves it, and raises ``KeyboardInterrupt``; a second one raises it at once. A run folder describes a
    source and a network by their settings, so it cannot hold tasks or a module of your own: use ``tokay.save`` for them.

    Raises ``ConfigError`` for arguments that do not fit together, and what ``fit`` raises.

    >>> from tokay import MAML, Sizes, train
    >>> from tokay.tasks import Sinusoid
    >>> learner = train(MAML(), Sinusoid(), test=Sizes(shots=5, queries=5), steps=2, quiet=True)
    >>> learner.fit([[0.0], [1.0]], [0.0, 0.8]).predict([[0.5]]).shape
    (1,)
    """
    config = FitConfig() if config is None else config
    _check_arguments(algorithm, tasks, save_every)
    _check_types(test=test, training=training, config=config, out=out)
    config = config if steps is None else replace(config, steps=steps)
    if out is not None:
        check_place(Path(out), overwrite=overwrite)  # before anything slow starts
    if isinstance(tasks, Source):
        _refuse_validation(tasks, validation)
        job = job_from_source(algorithm, tasks, network, test=test, training=training, config=config)
    elif test is None and training is None:
        job = job_from_tasks(algorithm, tasks, network, validation, config)
    else:
        raise ConfigError("train: tasks that are drawn elsewhere have sizes of their own. Leave out test and training.")
    place = find_device(str(device), where="train")
    check_device(config, place, where="train")
    job.net.to(place)
    with ExitStack() as stack:
        recorder = None
        if out is not None:
            run = describable_run(job, out)
            folder = stack.enter_context(new_folder(Path(out), overwrite=overwrite))
            write(folder.path, run, job.training.spec)
            if run.algorithm.learns:
                write_record(folder.path, run.source)
            recorder = Recorder(folder, run, job.net, save_every=save_every)
        _train(job, config, recorder, quiet=quiet)
    spec = job.training.spec
    return Learner(job.algorithm, job.net, x_shape=spec.x_shape, x_type=spec.x_type, recipe=job.recipe)


def _train(job: Job, config: FitConfig, recorder: Recorder | None, *, quiet: bool) -> None:
    device, state = device_of(job.net), FitState()
    validation = None if job.validation is None else on_device(job.validation, device)
    steps = fit(job.algorithm, job.net, on_device(job.training, device), config, validation=validation, state=state)
    console = Console(stderr=True, quiet=quiet)
    total = config.steps if job.algorithm.learns else 0
    every = 0 if validation is None else config.validate_every
    report = TrainingReport(console, job.algorithm.name, steps=total, validate_every=every)
    with report, deferred_interrupts() as interrupts:
        for step in steps:
            report.update(step)
            if recorder is not None:
                recorder.record(step, report.tasks_per_second)
            if interrupts.is_set:
                break
    if interrupts.is_set:
        raise KeyboardInterrupt(_save_at_interrupt(recorder, state))
    if recorder is not None:
        recorder.finish(state)


def _save_at_interrupt(recorder: Recorder | None, state: FitState) -> str:
    """What an interrupt leaves, after the running step is saved."""
    if recorder is None:
        return f"after step {state.step}; nothing is saved, because there is no out=."
    recorder.save(state)
    return f"after step {state.step}; saved. Continue with: tokay train --resume {recorder.name}"


def _check_arguments(algorithm: Algorithm[Any], tasks: Source | TaskSource, save_every: int) -> None:
    if not isinstance(algorithm, Algorithm):
        raise ConfigError(f"train: algorithm must be a method such as MAML(), got {describe(algorithm)}. Pass one.")
    if isinstance(tasks, type):
        raise ConfigError(f"train: tasks must be a source such as Glyphs(), got {describe(tasks)}. Add parentheses.")
    if type(save_every) is not int or save_every < 1:
        raise ConfigError(f"train: save_every must be a whole number from 1, got {save_every!r}. Default: 100.")


def _check_types(*, test: object, training: object, config: object, out: object) -> None:
    for name, sizes in (("test", test), ("training", training)):
        if sizes is not None and not isinstance(sizes, Sizes):
            raise ConfigError(f"train: {name} must be Sizes(ways=..., shots=..., queries=...), got {sizes!r}.")
    if not isinstance(config, FitConfig):
        raise ConfigError(f"train: config must be FitConfig(...), got {config!r}.")
    if out is not None and not (isinstance(out, str | Path) and str(out).strip()):
        raise ConfigError(f"train: out must name a folder, got {out!r}. Give one, such as runs/first.")


def _refuse_validation(source: Source, validation: TaskSource | None) -> None:
    if validation is not None:
        raise ConfigError(
            f"train: {source.name} has validation classes of its own, got other validation tasks. Leave them out, or "
            f"pass tasks in place of the source: {type(source).__name__}(...).tasks('train', Sizes(...))."
        )
