"""What is trained follows from the arguments: the tasks, their sizes, the backbone, and whether a run can hold it."""

from typing import Any

import pytest
import torch
from torch import nn

from tokay import CNP, MAML, ConfigError, Finetune, FitConfig, ProtoNet, Scratch, Sizes
from tokay.networks import MLP, Conv4
from tokay.tasks import GaussianProcess, Glyphs, Sinusoid
from tokay.training.job import Job, describable_run, describe, job_from_source, job_from_tasks

from .small_problem import Lines, equal, weights

CONFIG = FitConfig(steps=1, validate_every=0)
CURVES = Sizes(ways=1, shots=5, queries=5)


def from_source(algorithm: Any, source: Any, network: Any = None, **sizes: Sizes | None) -> Job:
    return job_from_source(algorithm, source, network, **{"test": None, "training": None, **sizes}, config=CONFIG)


def test_training_sizes_are_those_of_the_paper_or_of_the_caller() -> None:
    for training, expected in ((None, (60, 1, 5)), (Sizes(ways=7, shots=2, queries=3), (7, 2, 3))):
        run = from_source(ProtoNet(), Glyphs(), Conv4(filters=4), training=training).run
        assert run is not None
        assert (run.train.ways, run.train.shots, run.train.queries) == expected
        assert run.test == Glyphs.test_sizes


def test_settings_of_the_method_follow_the_task() -> None:
    assert from_source(MAML(), Sinusoid()).algorithm.inner_lr == 0.01
    assert from_source(MAML(inner_lr=0.3), Sinusoid()).algorithm.inner_lr == 0.3
    assert job_from_tasks(MAML(), Lines(), None, None, CONFIG).algorithm.inner_lr == 0.01


def test_the_backbone_is_that_of_the_papers_or_of_the_caller() -> None:
    for network, name in ((None, "mlp"), ("linear", "linear"), (MLP(hidden=(3,)), "mlp")):
        run = from_source(MAML(), Sinusoid(), network).run
        assert run is not None
        assert run.network.name == name
    run = from_source(CNP(), GaussianProcess()).run
    assert run is not None
    assert run.network.name == CNP.vector_network
    backbone = nn.Linear(1, 3)
    job = from_source(MAML(), Sinusoid(), backbone)
    assert job.run is None
    assert any(module is backbone for module in job.net.modules())


def test_the_seed_decides_the_weights() -> None:
    def net(seed: int) -> nn.Module:
        torch.manual_seed(0)  # which the seed of the run replaces
        return job_from_tasks(MAML(), Lines(), "mlp", None, FitConfig(seed=seed)).net

    torch.manual_seed(5)
    assert equal(*(weights(net(1)) for _ in range(2)))
    assert not equal(weights(net(1)), weights(net(2)))


def test_a_method_that_does_not_train_needs_no_training_classes() -> None:
    job = from_source(Scratch(), Sinusoid())
    assert job.validation is None
    assert job.training.spec == Sinusoid().tasks("test", CURVES).spec


def test_a_joint_method_trains_on_all_classes() -> None:
    job = from_source(Finetune(), Glyphs(), Conv4(filters=4))
    assert job.training.spec.y_dim > 100


def test_a_run_can_only_hold_what_has_settings() -> None:
    job = from_source(MAML(), Sinusoid())
    assert describable_run(job, "x") is job.run
    with pytest.raises(ConfigError, match=r"the run folder x describes .* tokay\.save"):
        describable_run(job_from_tasks(MAML(), Lines(), None, None, CONFIG), "x")


def test_values_in_messages() -> None:
    assert (describe(MAML), describe(3), describe([])) == ("the class MAML", "int", "list")
