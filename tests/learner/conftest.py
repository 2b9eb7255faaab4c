"""Learners that several files use."""

from importlib.util import find_spec

import pytest
from torch import nn

import tokay
from tokay import Learner

from .corners import FEATURES

# Its tests are those of scikit-learn, an extra.
collect_ignore = [] if find_spec("sklearn") else ["test_estimator_protocol.py"]


@pytest.fixture
def proto() -> Learner:
    return Learner(tokay.ProtoNet(), nn.Flatten())


@pytest.fixture
def reptile() -> Learner:
    algorithm = tokay.Reptile(inner_lr=0.1, test_steps=60, test_batch=4)
    return Learner(algorithm, algorithm.build(nn.Flatten(), FEATURES))


@pytest.fixture
def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.ReLU())
