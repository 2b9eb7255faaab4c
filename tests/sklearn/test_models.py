"""What ``model`` may be, and one line for everything else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import tokay
from tokay import ConfigError, DataError, Learner, ProtoNet
from tokay.core.task import Kind
from tokay.sklearn.models import find_model, with_seed


def _find(model: Any, *, kind: Kind = "classification", network: Any = None) -> Any:
    return find_model(model, network, kind, device="cpu", where="me")


def test_a_method_is_found_by_its_name_and_by_its_settings() -> None:
    assert _find("protonet") == (ProtoNet(), None, None)
    assert _find(tokay.MatchingNet(scale=10.0)).method.scale == 10.0


def test_a_run_a_file_and_a_learner_are_trained(picture_run: Path, tmp_path: Path) -> None:
    run = _find(str(picture_run))
    assert run.learner.x_shape == (1, 28, 28)
    tokay.save(run.learner, run.learner.net, tmp_path / "a.learner")
    assert _find(tmp_path / "a.learner").learner.x_shape == (1, 28, 28)
    assert _find(run.learner).learner is run.learner


def test_a_folder_with_the_name_of_a_method_must_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture_run: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("protonet").symlink_to(picture_run)
    with pytest.raises(
        ConfigError, match=r"^me: protonet is a method, and there is .*Write \./protonet .* ProtoNet\(\)"
    ):
        _find("protonet")
    assert _find("./protonet").learner is not None


@pytest.mark.parametrize(
    "model, kind, message",
    [
        ("protonett", "classification", r"got 'protonett'\. Did you mean protonet\?$"),
        ("runs/nowhere", "classification", r"got 'runs/nowhere'\. There is no such path and no such method\.$"),
        (ProtoNet, "classification", r"got the class ProtoNet\. Pass one\.$"),
        (None, "classification", r"got NoneType\. Pass one\.$"),
        (tokay.CNP(), "classification", r"cnp learns regression, not classification\. Use FewShotRegressor\.$"),
        ("protonet", "regression", r"protonet learns classification, not regression\. Use FewShotClassifier\.$"),
    ],
)
def test_other_models_are_refused_in_one_line(model: Any, kind: Kind, message: str) -> None:
    with pytest.raises(ConfigError, match="^me: .*" + message) as error:
        _find(model, kind=kind)
    assert "\n" not in str(error.value)


def test_a_run_of_another_kind_is_refused(sine_run: Path, three_way_run: Path) -> None:
    for run, kind in ((sine_run, "classification"), (three_way_run, "regression")):
        with pytest.raises(ConfigError, match=r"was trained on .* tasks, which this estimator does not learn"):
            _find(run, kind=kind)  # type: ignore[arg-type]


def test_a_network_beside_a_trained_one_is_refused(picture_run: Path) -> None:
    with pytest.raises(ConfigError, match=r"^me: network is for a method without meta-training.*Leave it out\.$"):
        _find(picture_run, network="mlp")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.learner").write_bytes(b"no learner")
    with pytest.raises(DataError, match=r"a\.learner"):
        _find(tmp_path / "a.learner")
    with pytest.raises(DataError, match="is no run folder"):
        _find(tmp_path)


def test_a_seed_changes_nothing_else() -> None:
    learner = Learner(ProtoNet(), nn.Flatten(), inductive=False, x_shape=(2,)).fit(np.eye(2), ["a", "b"])
    copy = with_seed(learner, 7)
    assert (copy.seed, copy.inductive, copy.x_shape, copy.net is learner.net) == (7, False, (2,), True)
    assert not copy.is_fitted
    assert learner.seed == 0
