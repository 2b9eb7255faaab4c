"""A learner saved in one process answers the same in another; what cannot be built again says what to do."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tokay
from tokay import MAML, ConfigError, DataError, Learner, MetaSGD, ProtoNet, TaskSpec
from tokay.files import read_tensors, write_tensors
from tokay.networks import MLP

from .own_networks import Around, Secretive, Wide, make_anything, make_secretive

SPEC = TaskSpec(x_shape=(4,), y_dim=3)
X, LABELS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), ["a", "b", "c"] * 2
QUERIES = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


def fitted(method: Any, net: nn.Module) -> Learner:
    return Learner(method, net).fit(X, LABELS)


def answers(learner: Learner) -> Any:
    return learner.predict_proba(QUERIES)


@pytest.mark.parametrize(
    "net", [Wide(8), Wide(8, scale=0.5), Around(Wide(3)), nn.Sequential(nn.Linear(4, 5), nn.ReLU())]
)
def test_a_network_that_shows_its_arguments_needs_no_factory(tmp_path: Path, net: nn.Module) -> None:
    learner = fitted(ProtoNet(), net)
    tokay.save(learner, net, tmp_path / "mine.learner")
    loaded = tokay.load(tmp_path / "mine.learner")
    assert type(loaded.net) is type(net)
    assert loaded.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(answers(loaded), answers(learner))


def test_a_method_alone_is_saved_unfitted(tmp_path: Path) -> None:
    net = Wide(8)
    tokay.save(ProtoNet(metric="cosine"), net, tmp_path / "mine.learner")
    loaded = tokay.load(tmp_path / "mine.learner")
    assert loaded.algorithm == ProtoNet(metric="cosine")
    assert not loaded.is_fitted
    np.testing.assert_array_equal(answers(loaded.fit(X, LABELS)), answers(fitted(ProtoNet(metric="cosine"), net)))


@pytest.mark.parametrize("factory", [partial(Wide, 6), partial(make_secretive, 6, activation="tanh"), MLP(hidden=(7,))])
@pytest.mark.parametrize("method", [MAML(inner_lr=0.1), MetaSGD()])
def test_a_factory_of_the_backbone(tmp_path: Path, method: Any, factory: Any) -> None:
    backbone = factory.build((4,)) if isinstance(factory, MLP) else factory()
    net = method.build(backbone, SPEC)
    learner = fitted(method, net)
    tokay.save(learner, net, tmp_path / "mine.learner", factory=factory, spec=SPEC)
    np.testing.assert_array_equal(answers(tokay.load(tmp_path / "mine.learner")), answers(learner))


def test_another_process_predicts_without_adapting(tmp_path: Path) -> None:
    (tmp_path / "mynets.py").write_text("from torch import nn\nclass Net(nn.Sequential):\n    pass\n")
    script = """
import sys, numpy, torch, tokay
{imports}
def adapt(*args): raise AssertionError("adapted again")
tokay.ProtoNet.adapt = adapt
learner = tokay.load(sys.argv[1])
print(learner.predict(torch.arange(20.0).reshape(5, 4)).tolist())
"""
    net = Wide(8)
    learner = fitted(ProtoNet(), net)
    tokay.save(learner, net, tmp_path / "mine.learner")
    expected = str(learner.predict(torch.arange(20.0).reshape(5, 4)).tolist())
    (tmp_path / "own_networks.py").write_text((Path(__file__).parent / "own_networks.py").read_text())
    file = tmp_path / "mine.learner"
    tensors, metadata = read_tensors(file)
    module = Wide.__module__
    metadata["tokay_learner"] = metadata["tokay_learner"].replace(f"{module}:", "own_networks:")
    write_tensors(file, tensors, metadata)

    def call(imports: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script.format(imports=imports), str(file)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )

    process = call("import own_networks")
    assert process.stdout.strip() == expected, process.stderr
    refused = call("")
    assert "needs own_networks:Wide, and own_networks has not been imported. Import it before" in refused.stderr


def test_frozen_layers_modes_and_dtype_are_kept(tmp_path: Path) -> None:
    net = nn.Sequential(Wide(8), nn.Dropout(0.5), nn.Linear(8, 3)).double()
    net[1].eval()
    net[0].requires_grad_(False)
    tokay.save(MAML(inner_lr=0.1), net, tmp_path / "mine.learner")
    loaded = tokay.load(tmp_path / "mine.learner").net
    assert {name for name, p in loaded.named_parameters() if p.requires_grad} == {"2.weight", "2.bias"}
    assert [module.training for module in loaded.modules()] == [module.training for module in net.modules()]
    assert all(p.dtype == torch.float64 for p in loaded.parameters())


def test_regression_keeps_the_shape_of_its_targets(tmp_path: Path) -> None:
    method = MAML(inner_lr=0.01)
    net = method.build(Wide(8), TaskSpec(x_shape=(4,), y_dim=1, kind="regression"))
    learner = Learner(method, net).fit(X, np.arange(6.0))
    tokay.save(learner, net, tmp_path / "mine.learner")
    np.testing.assert_array_equal(tokay.load(tmp_path / "mine.learner").predict(QUERIES), learner.predict(QUERIES))


@pytest.mark.parametrize(
    "labels", [[3, 1, 7] * 2, [True, False, True] * 2, np.array(["x", "yy", "z"] * 2, dtype=object)]
)
def test_labels_of_every_kind(tmp_path: Path, labels: Any) -> None:
    net = Wide(8)
    learner = Learner(ProtoNet(), net).fit(X, labels)
    tokay.save(learner, net, tmp_path / "mine.learner")
    loaded = tokay.load(tmp_path / "mine.learner")
    assert loaded.classes_.tolist() == learner.classes_.tolist()
    assert loaded.predict(QUERIES).tolist() == learner.predict(QUERIES).tolist()


class _Local(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def test_what_cannot_be_built_again(tmp_path: Path) -> None:
    class Inside(_Local):
        pass

    main = type("Net", (_Local,), {"__module__": "__main__"})
    secretive = Secretive(8, "tanh")
    cases: list[tuple[nn.Module, Any, str]] = [
        (Inside(), None, r"must be importable by another process, .*Inside is defined in a function, or is a lambda"),
        (main(), None, r"Net is defined in __main__\. Move it to a module"),
        (secretive, None, r"its argument width is no attribute\. Give save a factory"),
        (secretive, lambda: Secretive(8), "the factory of the network must be importable"),
        (secretive, partial(make_anything, 8), r"must say that it makes an nn\.Module"),
        (
            secretive,
            partial(make_secretive, 9),
            r"Secretive cannot be built again from its recipe: .* Give save a factory",
        ),
        (secretive, partial(make_secretive, 8), "the network has another _activation"),
        (secretive, partial(make_secretive, torch.tensor(8)), "an argument of the network must not be a tensor"),
        (secretive, MLP(), r"needs spec=\.\.\., got none"),
    ]
    for net, factory, message in cases:
        learner = fitted(ProtoNet(), net)
        with pytest.raises(ConfigError, match=message):
            tokay.save(learner, net, tmp_path / "mine.learner", factory=factory)
        assert not (tmp_path / "mine.learner").exists()
    with pytest.raises(ConfigError, match="net must be the network of the learner"):
        tokay.save(fitted(ProtoNet(), Wide(8)), Wide(8), tmp_path / "mine.learner")


def test_files_that_are_no_learner(tmp_path: Path) -> None:
    file = tmp_path / "mine.learner"
    net = Wide(8)
    tokay.save(fitted(ProtoNet(), net), net, file)
    tensors, metadata = read_tensors(file)

    def changed(**changes: Any) -> None:
        about = {**json.loads(metadata["tokay_learner"]), **changes}
        write_tensors(file, tensors, {**metadata, "tokay_learner": json.dumps(about)})

    changed(format=2)
    with pytest.raises(DataError, match=r"has format 2, written by Tokay .*reads formats up to 1\. Upgrade"):
        tokay.load(file)
    changed(network={"module": {"class": "os:system", "keywords": {}}})
    with pytest.raises(DataError, match=r"os:system must be an nn\.Module"):
        tokay.load(file)
    changed(network={"spec": None, "factory": "os:system", "arguments": ["true"], "keywords": {}})
    with pytest.raises(DataError, match=r"os:system must make an nn\.Module"):
        tokay.load(file)
    changed(
        task={
            "kind": "classification",
            "state": {"named tuple": "os:system", "parts": {}},
            "classes": [],
            "dtype": "<U1",
        }
    )
    with pytest.raises(DataError, match="os:system must be a NamedTuple"):
        tokay.load(file)
    changed(learner={"nonsense": 1})
    with pytest.raises(DataError, match="is damaged"):
        tokay.load(file)
    write_tensors(file, tensors, {})
    with pytest.raises(DataError, match=r"must be a file that tokay\.save wrote, and is not"):
        tokay.load(file)
    file.write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match="a pickle, which Tokay never opens"):
        tokay.load(file)


@pytest.mark.parametrize("method", [tokay.Scratch(), tokay.IMAML(inner_lr=0.01), MetaSGD(), tokay.LearnedOptimizer()])
def test_regression_is_bit_for_bit_what_it_was(tmp_path: Path, method: Any) -> None:
    """Whatever the place in memory of what safetensors reads: kernels round otherwise at other alignments."""
    spec = TaskSpec(x_shape=(4,), y_dim=1, kind="regression")
    net = method.build(MLP().build((4,)), spec)
    learner = Learner(method, net).fit(X, np.arange(6.0))
    tokay.save(learner, net, tmp_path / "mine.learner", factory=MLP(), spec=spec)
    loaded = tokay.load(tmp_path / "mine.learner")
    np.testing.assert_array_equal(loaded.predict(QUERIES), learner.predict(QUERIES))
    assert all(tensor.data_ptr() % 64 == 0 for tensor in loaded.support)


def test_a_network_of_ones_own_takes_modes_with_the_weights(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    net[1].eval()
    net[0].requires_grad_(False)
    tokay.save(MAML(inner_lr=0.1), net, tmp_path / "mine.learner")
    own = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    assert tokay.load(tmp_path / "mine.learner", net=own).net is own
    assert not own[1].training
    assert not own[0].weight.requires_grad


class KeepsLayers(nn.Module):
    """Keeps layers under the names of its arguments."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.drop(x)
        return output


def test_what_a_class_says_to_its_arguments_is_one_line(tmp_path: Path) -> None:
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    for net in (KeepsLayers(0.5), parametrized):
        with pytest.raises(ConfigError, match=r"^save: "):
            tokay.save(ProtoNet(), net, tmp_path / "mine.learner")
    with pytest.raises(ConfigError, match="path must name a file"):
        tokay.save(ProtoNet(), Wide(8), "")
