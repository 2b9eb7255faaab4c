"""Methods without meta-training: which refuse, and the network that the others get."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import Algorithm, ConfigError, Examples, ProtoNet, TaskSpec
from tokay.core.geometry import class_means, sq_distances
from tokay.networks import MLP
from tokay.sklearn.untrained import check_meaning, untrained_learner

from .blobs import CODES, VALUES, X

SPEC = TaskSpec(x_shape=(2,), y_dim=3)


METHODS = tokay.list_algorithms()
MEANINGLESS = sorted(name for name, method in METHODS.items() if method.needs_training)
OF_DRAWINGS = {"hausdorff"}  # takes pictures only
OF_FEATURES = {"baseline++"}  # two inputs say little about cosines


def test_no_method_needs_training_and_compares_the_inputs_themselves() -> None:
    assert {name for name in MEANINGLESS if METHODS[name].compares_inputs} == set()
    assert {"relation", "leo", "cnp", "lstm", "mann"} <= {*MEANINGLESS}
    assert {"protonet", "nearest"} <= {name for name, method in METHODS.items() if method.compares_inputs}


@pytest.mark.parametrize("name", MEANINGLESS)
def test_methods_that_only_guess_refuse_in_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^me: {name} needs meta-training, because .*\. Give a run folder") as error:
        check_meaning(METHODS[name](), "me")
    assert "\n" not in str(error.value)


class _Own(Algorithm[Tensor]):
    """What a method of another package says about itself. Without a name, so it is not registered."""

    name, kinds, any_ways = "own", ("classification",), True

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        return class_means(net(support.x), support.y)

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        return -sq_distances(net(x), state)


class _Guessing(_Own):
    needs_training = "its guess is learned"


class _Comparing(_Own):
    compares_inputs = True

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        return backbone


def test_a_method_of_another_package_says_itself_what_it_is() -> None:
    with pytest.raises(ConfigError, match=r"^me: own needs meta-training, because its guess is learned\. "):
        check_meaning(_Guessing(), "me")
    networks = {}
    for method in (_Own(), _Comparing()):
        learner = untrained_learner(method, None, SPEC, seed=0, device="cpu", where="me").fit(X, CODES)
        networks[type(method)] = sum(weight.numel() for weight in learner.net.parameters())
        assert learner.predict(X).shape == (18,)
    assert networks[_Comparing] == 0
    assert networks[_Own] > 0


@pytest.mark.parametrize("name", sorted({*METHODS} - {*MEANINGLESS} - OF_DRAWINGS - OF_FEATURES))
def test_the_others_learn_from_the_examples(name: str) -> None:
    method = METHODS[name]()
    for kind, y in (("classification", CODES), ("regression", VALUES)):
        if kind in method.takes():
            spec = TaskSpec(x_shape=(2,), y_dim=3 if kind == "classification" else 1, kind=kind)
            learner = untrained_learner(method, None, spec, seed=0, device="cpu", where="me").fit(X, y)
            assert np.isfinite(learner.predict(X)).all()


def test_the_seed_decides_the_weights_and_nothing_outside_does() -> None:
    weights = []
    for seed in (0, 0, 1):
        torch.rand(3)
        learner = untrained_learner(tokay.Scratch(), MLP(hidden=(4,)), SPEC, seed=seed, device="cpu", where="me")
        weights.append(next(learner.net.parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert weights[0].dtype == torch.float64


def test_protonet_alone_is_the_nearest_class_mean() -> None:
    learner = untrained_learner(ProtoNet(), None, SPEC, seed=0, device="cpu", where="me").fit(X, CODES)
    means = np.stack([X[number == CODES].mean(0) for number in range(3)])
    queries = np.random.default_rng(1).uniform(-1, 4, (50, 2))
    nearest = ((queries[:, None] - means) ** 2).sum(-1).argmin(1)
    np.testing.assert_array_equal(learner.predict(queries), nearest)


def test_a_network_of_the_caller_is_used() -> None:
    assert sum(
        p.numel() for p in untrained_learner(ProtoNet(), "mlp", SPEC, seed=0, device="cpu", where="x").net.parameters()
    )
    with pytest.raises(ConfigError, match="network must be one of"):
        untrained_learner(ProtoNet(), "mpl", SPEC, seed=0, device="cpu", where="x")
