"""Files of a run that are damaged, of another run, or not finite: refused, and the good ones stay."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import tokay
from tokay import FitConfig, FitState, fit
from tokay.algorithms import MAML
from tokay.cli.main import main
from tokay.errors import DataError, DivergenceError
from tokay.files import read_tensors, write_tensors
from tokay.networks import MLP
from tokay.runs.checkpoint import build_network, load_model, load_state, save_model, save_state
from tokay.runs.run import Run
from tokay.runs.settings import read, read_id
from tokay.tasks import Sinusoid

from .small_run import RUN, create

TRAINED = replace(RUN, fit=FitConfig(steps=4, meta_batch=2, validate_every=2, validation_tasks=2))
Tensors = dict[str, Tensor]


def trained(path: Path, run: Run = TRAINED) -> Path:
    """A run folder after half of its steps."""
    spec = run.tasks("train").spec
    create(path, run, spec)
    net, state = run.build(spec), FitState()
    for step in fit(run.algorithm, net, run.tasks("train"), run.fit, validation=run.tasks("validation"), state=state):
        if step.step == 2:
            break
    save_model(path, run, net, state)
    save_state(path, run, net, state)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return trained(tmp_path / "run")


def set_progress(**change: Any) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda about: {**about, "progress": json.dumps({**json.loads(about["progress"]), **change})}


def with_tensor(name: str, tensor: Tensor) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: tensor}


def drop(start: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: value for name, value in tensors.items() if not name.startswith(start)}


def keep(content: Any) -> Any:
    return content


@pytest.mark.parametrize(
    "tensors, metadata, message",
    [
        (with_tensor("best.head.bias", torch.zeros(3)), keep, "the weight head.bias must have shape (1,), got (3,)"),
        (drop("best.head.bias"), keep, "lacks the weight head.bias"),
        (drop("best."), keep, "best_step must be 0"),
        (with_tensor("best.head.bias", torch.full((1,), math.nan)), keep, "the weight head.bias must be finite"),
        (with_tensor("net.head.bias", torch.full((1,), math.inf)), keep, "the weight head.bias must be finite"),
        (with_tensor("net.head.bias", torch.zeros(1, dtype=torch.float64)), keep, "must have dtype torch.float32"),
        (drop("optimizer."), keep, "lacks the moment"),
        (drop("optimizer.0.exp_avg"), keep, "lacks the moment 0.exp_avg"),
        (with_tensor("optimizer.0.exp_avg", torch.zeros(3)), keep, "the moment 0.exp_avg must have shape"),
        (with_tensor("optimizer.x.exp_avg", torch.zeros(3)), keep, "has the moment x.exp_avg"),
        (with_tensor("evil", torch.zeros(3)), keep, "has the tensor evil, which is of no state"),
        (keep, set_progress(step=-5), "step must be a whole number from 0 to 4, got -5"),
        (keep, set_progress(step=1.5), "step must be a whole number from 0 to 4, got 1.5"),
        (keep, set_progress(evil=1), "must be step, best_step, best_score and peak_step"),
        (keep, lambda about: {"algorithm": "maml", "run": about["run"]}, "must hold the progress of a training"),
        (keep, lambda about: {**about, "run": "0123"}, "must hold weights of the run"),
    ],
)
def test_a_damaged_state_is_refused_and_the_model_stays(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    tensors: Callable[[Tensors], Tensors],
    metadata: Callable[[dict[str, str]], dict[str, str]],
    message: str,
) -> None:
    """With a fitting checksum, so that each check has to notice its own damage."""
    state, model = path / "state.safetensors", (path / "model.safetensors").read_bytes()
    good_tensors, about = read_tensors(state)
    write_tensors(state, tensors(good_tensors), metadata(about))
    capsys.readouterr()
    assert main(["train", "--resume", str(path)]) == 2
    last = capsys.readouterr().err
    assert last.startswith(f"{state}: ")
    assert message in last
    assert len(last.splitlines()) == 1
    assert (path / "model.safetensors").read_bytes() == model


def test_nothing_is_loaded_from_a_damaged_state(path: Path) -> None:
    tensors, about = read_tensors(path / "state.safetensors")
    write_tensors(path / "state.safetensors", drop("optimizer.")(tensors), about)
    run, spec = read(path)
    net = run.build(spec)
    optimizer = torch.optim.Adam(net.parameters())
    with pytest.raises(DataError, match="lacks the moment"):
        load_state(path, run, net, optimizer)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), run.build(spec).parameters(), strict=True))
    assert optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("name", ["model.safetensors", "state.safetensors"])
def test_a_file_without_checksum(path: Path, name: str) -> None:
    tensors, about = read_tensors(path / name)
    save_file(tensors, path / name, about)
    run, spec = read(path)
    net = run.build(spec)
    with pytest.raises(DataError, match=f"{name}: must have a checksum, and has none"):
        load_model(path) if name.startswith("model") else load_state(path, run, net, torch.optim.Adam(net.parameters()))


def test_weights_of_another_run_of_the_same_method(path: Path, tmp_path: Path) -> None:
    """Another seed: names, shapes and dtypes fit, the weights are others."""
    other = trained(tmp_path / "other", replace(TRAINED, fit=replace(TRAINED.fit, seed=1)))
    for name in ("model.safetensors", "state.safetensors"):
        (path / name).write_bytes((other / name).read_bytes())
    with pytest.raises(DataError, match=f"must hold weights of the run {read_id(path)}, got those of {read_id(other)}"):
        load_model(path)
    with pytest.raises(DataError, match=f"must hold weights of the run {read_id(path)}, got those of {read_id(other)}"):
        load_state(path, TRAINED, TRAINED.build(read(path)[1]), None)


def test_weights_with_an_id_in_a_run_without(path: Path) -> None:
    """A run of an earlier version has no id, and neither have its weights."""
    settings = json.loads((path / "run.json").read_text())
    settings.pop("checksum", None)
    (path / "run.json").write_text(json.dumps({**settings, "format": 1}))
    with pytest.raises(DataError, match="must hold weights of the run without id"):
        load_model(path)


def test_a_state_that_is_a_link_to_nowhere(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The training must not start again at step 0, as it does without a state."""
    (path / "state.safetensors").unlink()
    (path / "state.safetensors").symlink_to("nowhere")
    assert main(["train", "--resume", str(path)]) == 2
    assert "state.safetensors: must be a safetensors file" in capsys.readouterr().err


def test_equal_runs_have_one_id_whatever_their_steps(tmp_path: Path) -> None:
    run = create(tmp_path / "a", TRAINED)
    longer = create(tmp_path / "b", replace(TRAINED, fit=replace(TRAINED.fit, steps=9)))
    assert read_id(run) == read_id(longer)
    changes: list[dict[str, Any]] = [
        {"fit": replace(TRAINED.fit, seed=1)},
        {"algorithm": MAML(inner_lr=0.02)},
        {"source": Sinusoid(variant="reptile")},
        {"network": MLP(hidden=(9,))},
        {"fewest_shots": 2},
    ]
    ids = {read_id(create(tmp_path / str(index), replace(TRAINED, **part))) for index, part in enumerate(changes)}
    assert len(ids | {read_id(run)}) == 1 + len(changes)


@pytest.mark.parametrize("step", ["", "-1", "1.5", "5", "9" * 30])
def test_a_model_of_no_step(path: Path, step: str) -> None:
    tensors, about = read_tensors(path / "model.safetensors")
    write_tensors(path / "model.safetensors", tensors, {**about, "step": step})
    with pytest.raises(DataError, match="step must be a whole number from 0 to 4"):
        load_model(path)


def test_weights_that_are_not_finite_are_not_used(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors, about = read_tensors(path / "model.safetensors")
    write_tensors(path / "model.safetensors", {**tensors, "head.bias": torch.full((1,), math.nan)}, about)
    for net in (None, TRAINED.build(read(path)[1])):
        with pytest.raises(DataError, match=r"the weight head.bias must be finite, it holds NaN or infinity"):
            tokay.load(path, net=net)
    assert main(["evaluate", str(path), "--tasks", "2"]) == 2
    assert "must be finite" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["weights", "best", "moments"])
def test_what_is_not_finite_is_not_saved(path: Path, part: str) -> None:
    run, spec = read(path)
    net = run.build(spec)
    optimizer = torch.optim.Adam(net.parameters())
    state = load_state(path, run, net, optimizer)
    previous = {file.name: file.read_bytes() for file in path.iterdir()}
    if part == "weights":
        state.best_weights, state.best_step = {}, 0
        with torch.no_grad():
            next(net.parameters()).fill_(math.inf)
    elif part == "best":
        state.best_weights["head.bias"][0] = math.nan
    else:
        optimizer.state_dict()["state"][0]["exp_avg"].fill_(math.inf)
    saves = {"weights": (save_model, save_state), "best": (save_model, save_state), "moments": (save_state,)}[part]
    for save in saves:
        with pytest.raises(DivergenceError, match=r"maml: .* must stay finite, after step 2 .* holds NaN or infinity"):
            save(path, run, net, state)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == previous


def test_training_to_infinity_saves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "maml", "sinusoid", "--inner-lr", "0.01", "--lr", "inf", "--steps", "1", "--meta-batch", "2"]
    assert main([*words, "--validate-every", "0", "--out", str(tmp_path / "run")]) == 2
    output = capsys.readouterr().err
    assert "Saved" not in output
    assert len(output.splitlines()[-1]) > 20
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_settings_that_no_network_can_be_built_from(path: Path) -> None:
    run, spec = read(path)
    with pytest.raises(DataError, match=r"run.json: the network that it describes cannot be built \("):
        build_network(path, replace(run, network=MLP(hidden=(10**15, 10**15))), spec)
