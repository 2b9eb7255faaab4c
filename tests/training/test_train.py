"""``tokay.train``: one call trains, and its run folders are those of the command line."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tokay
from tokay import (
    CNP,
    MAML,
    ConfigError,
    Examples,
    FitConfig,
    ProtoNet,
    Reptile,
    Scratch,
    Sizes,
    Task,
    TaskError,
    TaskSpec,
    evaluate,
    fit,
    one_hot,
    train,
)
from tokay.cli.main import main
from tokay.files import read_tensors
from tokay.networks import MLP, Conv4Pool
from tokay.tasks import GaussianProcess, Glyphs, NTMCopy, Sinusoid
from tokay.tasks.sinusoid import _Waves as Waves

from .small_problem import MAML_HERE, Lines, equal, weights

CURVES = Sizes(shots=5, queries=5)
FAST: dict[str, Any] = {"config": FitConfig(meta_batch=2, validate_every=2, validation_tasks=2), "quiet": True}


def test_it_trains_what_a_loop_trains() -> None:
    source = Lines(dtype=torch.float32)
    config = FitConfig(steps=5, meta_batch=3, validate_every=0, seed=1)
    torch.manual_seed(0)
    backbone = nn.Linear(2, 4)
    learner = train(MAML_HERE, source, network=backbone, config=config, quiet=True)
    torch.manual_seed(0)
    again = train(
        MAML_HERE, source, network=nn.Linear(2, 4), config=FitConfig(steps=0, validate_every=0, seed=1), quiet=True
    )
    assert not equal(weights(learner.net), weights(again.net))
    list(fit(MAML_HERE, again.net, source, config))
    assert equal(weights(learner.net), weights(again.net))


def test_a_hundred_steps_make_sine_waves_better() -> None:
    """The habit of scikit-learn: one call, without a loop, is a training."""
    tasks = Sinusoid().tasks("test", CURVES)
    scores = []
    for steps in (0, 100):
        learner = train(MAML(), Sinusoid(), test=CURVES, steps=steps, **FAST)
        scores.append(evaluate(learner.algorithm, learner.net, tasks, tasks=50)["mse"].mean)
    assert scores[1] < 0.9 * scores[0]


def test_a_run_folder_is_that_of_the_command_line(tmp_path: Path) -> None:
    """The same settings, id and weights, bit for bit: whatever is not given follows the method and the task."""
    words = {
        "maml sinusoid --shots 5 --queries 5": (MAML(), Sinusoid(), CURVES),
        "cnp gp --width 8": (CNP(width=8), GaussianProcess(), None),
        "protonet glyphs --ways 3 --queries 4": (ProtoNet(), Glyphs(), Sizes(ways=3, shots=1, queries=4)),
        "maml glyphs --ways 3 --queries 4": (MAML(), Glyphs(), Sizes(ways=3, shots=1, queries=4)),
        "scratch ntm-copy --shots 3": (Scratch(), NTMCopy(), Sizes(shots=3)),
    }
    fast = ("--steps", "2", "--meta-batch", "2", "--validate-every", "2", "--validation-tasks", "2", "--device", "cpu")
    for number, (command, (algorithm, source, test)) in enumerate(words.items()):
        if command.startswith("scratch"):  # does not take sequences, as with the command line
            with pytest.raises(ConfigError, match="scratch learns"):
                train(algorithm, source, test=test, steps=2, out=tmp_path / "x", **FAST)
            continue
        first, second = tmp_path / f"{number}a", tmp_path / f"{number}b"
        assert main(["train", *command.split(), *fast, "--out", str(first)]) == 0
        train(algorithm, source, test=test, steps=2, out=second, **FAST)
        settings = [json.loads((path / "run.json").read_text()) for path in (first, second)]
        assert settings[0] == settings[1], command
        assert {file.name for file in second.iterdir()} == {file.name for file in first.iterdir()} - {"tensorboard"}
        nets = [tokay.load(path).net for path in (first, second)]
        assert equal(*map(weights, nets)), command


def test_the_command_line_uses_a_run_of_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    learner = train(MAML(), Sinusoid(), test=CURVES, network=MLP(hidden=(8,)), steps=20, out=out, **FAST)
    assert main(["evaluate", str(out), "--tasks", "2", "--seen-tasks", "0"]) == 0
    assert main(["plot", str(out), "--tasks", "2"]) == 0
    assert (out / "training.png").exists()
    assert main(["train", "--resume", str(out)]) == 0
    assert equal(weights(learner.net), weights(tokay.load(out).net))
    assert "maml on sinusoid" in capsys.readouterr().out


def test_an_interrupted_run_is_continued_to_the_same_weights(tmp_path: Path) -> None:
    settings: dict[str, Any] = {**FAST, "test": CURVES, "network": "mlp"}
    uninterrupted = train(MAML(), Sinusoid(), steps=6, **settings)
    out = tmp_path / "run"
    train(MAML(), Sinusoid(), steps=4, out=out, save_every=1, **settings)
    data = json.loads((out / "run.json").read_text())
    del data["checksum"]
    data["fit"]["steps"] = 6
    (out / "run.json").write_text(json.dumps(data))
    assert main(["train", "--resume", str(out), "--device", "cpu"]) == 0
    assert equal(weights(uninterrupted.net), weights(tokay.load(out).net))


class Noise:
    """Pictures of three classes, which nothing can tell apart."""

    spec = TaskSpec(x_shape=(1, 16, 16), y_dim=3)

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        x = torch.rand(tasks, 6, 1, 16, 16, generator=generator)
        y = one_hot(torch.arange(3).repeat(tasks, 1), 3)
        return Task(Examples(x[:, :3], y), Examples(x[:, 3:], y))


def test_the_learner_is_ready_for_a_task(tmp_path: Path) -> None:
    """Also one of tasks of the caller's own; the default network is that of the method's papers for pictures."""
    learner = train(ProtoNet(), Noise(), network=Conv4Pool(filters=4), steps=2, **FAST)
    x = np.random.default_rng(0).random((4, 1, 16, 16), dtype=np.float32)
    labels = learner.fit(x, ["a", "b", "a", "b"]).predict(x)
    assert set(labels) <= {"a", "b"}
    tokay.save(learner, learner.net, tmp_path / "mine.learner")
    assert tokay.load(tmp_path / "mine.learner").predict(x).tolist() == labels.tolist()
    with pytest.raises(TaskError, match="as in training"):
        learner.fit(x[..., :8], ["a", "b", "a", "b"])
    assert any(isinstance(module, nn.Conv2d) for module in train(ProtoNet(), Noise(), steps=0, **FAST).net.modules())
    assert train(Reptile(), Lines(), steps=0, **FAST).net is not None


def test_the_best_validated_weights_are_kept() -> None:
    def trained(**changes: Any) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        config = FitConfig(**{"steps": 6, "meta_batch": 3, "validation_tasks": 10, "lr": 1.0, **changes})
        validation = Lines(dtype=torch.float32) if config.validate_every else None
        source = Lines(dtype=torch.float32)
        return weights(
            train(MAML_HERE, source, network=nn.Linear(2, 4), validation=validation, config=config, quiet=True).net
        )

    best, last = trained(validate_every=1), trained(validate_every=0)
    assert not equal(best, last)
    assert equal(best, trained(validate_every=0, steps=1)) or equal(best, trained(validate_every=0, steps=2))


def test_progress_is_on_stderr_and_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    train(MAML(), Sinusoid(), test=CURVES, steps=2, config=FitConfig(meta_batch=1, validate_every=0))
    out, err = capsys.readouterr()
    assert out == ""
    assert "maml: step 2 of 2" in err
    train(MAML(), Sinusoid(), test=CURVES, steps=2, **FAST)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"algorithm": MAML}, "got the class MAML"),
        ({"tasks": Sinusoid}, "got the class Sinusoid"),
        ({"tasks": [1, 2]}, "got list"),
        ({"network": "mpl"}, "network must be one of .*mlp.*got 'mpl'"),
        ({"network": MLP}, "got the class MLP"),
        ({"save_every": 0}, "save_every must be a whole number from 1"),
        ({"device": "nowhere"}, "device must be one that this machine has"),
        ({"steps": -1}, "steps must not be negative"),
        ({"validation": Lines()}, "validation classes of its own"),
        ({"tasks": Lines(), "test": CURVES}, "sizes of their own"),
        ({"tasks": Lines(), "out": "x"}, r"cannot hold tasks or a module of your own.*tokay\.save"),
        ({"network": nn.Linear(1, 3), "out": "x"}, r"cannot hold tasks or a module of your own.*tokay\.save"),
        ({"out": "."}, "current folder"),
        ({"tasks": Glyphs(), "test": Sizes(ways=1)}, "at least 2 ways"),
        ({"tasks": Glyphs(), "training": Sizes(ways=7)}, "must agree"),
        ({"tasks": NTMCopy()}, "maml learns"),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one line, and without leaving a folder."""
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {"algorithm": MAML(), "tasks": Sinusoid(), "steps": 1, "quiet": True, **arguments}
    with pytest.raises(ConfigError, match=message) as error:
        train(**settings)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_old_run_is_only_replaced_if_said(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(MAML(), Sinusoid(), test=CURVES, steps=1, out=out, **FAST)
    with pytest.raises(ConfigError, match="already exists"):
        train(MAML(), Sinusoid(), test=CURVES, steps=2, out=out, **FAST)
    train(MAML(), Sinusoid(), test=CURVES, steps=2, out=out, overwrite=True, **FAST)
    assert json.loads((out / "run.json").read_text())["fit"]["steps"] == 2


def test_parts_of_the_main_module_are_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A notebook defines a source: another process could not import it."""
    monkeypatch.setattr(Sinusoid, "__module__", "__main__")
    with pytest.raises(ConfigError, match="source Sinusoid, which another process cannot import"):
        train(MAML(), Sinusoid(), test=CURVES, steps=1, out=tmp_path / "run", **FAST)
    train(MAML(), Sinusoid(), test=CURVES, steps=1, **FAST)


def test_a_class_in_place_of_a_source() -> None:
    with pytest.raises(ConfigError, match=r"tasks must be a source such as Glyphs\(\), got the class Sinusoid\. Add"):
        train(MAML(), Sinusoid, test=CURVES, steps=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"steps": "3"}, "fit: steps must be a whole number, got '3'"),
        ({"test": (5, 1)}, r"train: test must be Sizes\(ways=..., shots=..., queries=...\), got \(5, 1\)"),
        ({"training": {}}, r"train: training must be Sizes\(.*\), got {}"),
        ({"config": {}}, r"train: config must be FitConfig\(...\), got {}"),
        ({"out": 3}, "train: out must name a folder, got 3"),
        ({"out": " "}, "train: out must name a folder, got ' '"),
        ({"save_every": 2.5}, "train: save_every must be a whole number from 1, got 2.5"),
        ({"network": ""}, "train: network must be one of .*, got ''"),
    ],
)
def test_arguments_of_another_type(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        train(MAML(), Sinusoid(), **arguments)


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is pressed while this step draws its tasks."""
    original, calls = Waves.sample, []

    def sample(self: Waves, tasks: int, generator: torch.Generator) -> Task:
        calls.append(tasks)
        if len(calls) == step:
            signal.raise_signal(signal.SIGINT)
        return original(self, tasks, generator)

    monkeypatch.setattr(Waves, "sample", sample)


def test_an_interrupt_ends_the_step_and_saves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"test": CURVES, "steps": 10, "config": FitConfig(validate_every=0), "quiet": True}
    interrupt_at(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt, match=r"after step 3; saved\. Continue with: tokay train --resume .*run"):
        train(MAML(), Sinusoid(), out=tmp_path / "run", **arguments)
    assert json.loads(read_tensors(tmp_path / "run" / "state.safetensors")[1]["progress"])["step"] == 3
    interrupt_at(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt, match=r"after step 2; nothing is saved, because there is no out="):
        train(MAML(), Sinusoid(), **arguments)
