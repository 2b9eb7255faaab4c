"""A run makes its network and its tasks, as its settings and its seed say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tokay.algorithms import MAML, Finetune, ProtoNet, Reptile, Scratch
from tokay.core.task import Sizes
from tokay.errors import ConfigError
from tokay.networks import Conv4
from tokay.training.fit import FitConfig

from .small_run import RUN, SPEC


def test_build_is_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    a = RUN.build(SPEC).state_dict()
    random_state = torch.random.get_rng_state()
    b = RUN.build(SPEC).state_dict()
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert all(torch.equal(a[name], b[name]) for name in a)
    c = replace(RUN, fit=FitConfig(seed=1)).build(SPEC).state_dict()
    assert not any(torch.equal(a[name], c[name]) for name in a if "weight" in name)


def test_a_method_that_cannot_learn_the_kind() -> None:
    with pytest.raises(ConfigError, match="sinusoid: protonet learns classification, got regression tasks"):
        replace(RUN, algorithm=ProtoNet()).build(SPEC)


@pytest.mark.parametrize("algorithm", [MAML(), Reptile(), Scratch()])
def test_splits_have_their_sizes(algorithm: Any) -> None:
    run = replace(RUN, algorithm=algorithm)
    generator = torch.Generator().manual_seed(0)
    for split, shots in (("train", 7), ("validation", 5), ("test", 5)):
        assert run.tasks(split).sample(1, generator).support.x.shape == (1, shots, 1)  # type: ignore[arg-type]


def test_joint_methods_train_on_all_classes_together(tmp_path: Path) -> None:
    from PIL import Image

    from tokay.tasks import Images

    for name in "abcdefghij":
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("L", (16, 16), number).save(tmp_path / name / f"{number}.png")
    run = replace(RUN, source=Images(root=str(tmp_path), size=16), network=Conv4(filters=2), train=Sizes(ways=2))
    run = replace(run, test=Sizes(ways=2, shots=1, queries=1))
    joint = replace(run, algorithm=Finetune())
    assert joint.tasks("train").spec.y_dim == 6
    assert joint.tasks("test").spec.y_dim == 2
    assert run.source.joint("train", run.train).spec.y_dim == 6
