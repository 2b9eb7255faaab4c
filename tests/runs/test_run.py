"""``run.json``: every setting there and back, and folders that are no runs."""

import json
import subprocess
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import torch

from tokay.runs import run as runs
from tokay.algorithms import (MAML, Finetune, ProtoNet, Reptile, Scratch)
from tokay.core.algorithm import list_algorithms
from tokay.core.task import (Sizes, TaskSpec)
from tokay.errors import (ConfigError, DataError)
from tokay.networks import (MLP, Conv4, list_networks)
from tokay.runs.run import (Run, create, read)
from tokay.tasks import (Sinusoid, list_sources)
from tokay.training.fit import FitConfig

SPEC = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")
RUN = Run(
    algorithm=MAML(inner_lr=0.01),
    source=Sinusoid(),
    network=MLP(hidden=(8,)),
    test=Sizes(ways=1, shots=5, queries=6),
    train=Sizes(ways=1, shots=7, queries=8),
    fit=FitConfig(steps=3),
)


def another(kind: Any, name: str, default: Any) -> Any:
    """A value that is valid for a setting and is not its default."""
    if get_args(kind) and any(isinstance(choice, str | int) for choice in get_args(kind)):  # Literal
        return next(choice for choice in get_args(kind) if choice != default)
    options = [inner for inner in get_args(kind) if inner is not type(None)]
    if get_origin(kind) is not tuple and options:  # X | None
        return another(options[0], name, default)
    if get_origin(kind) is tuple:
        return (3, 5, 7)
    if kind is bool:
        return not default
    if kind is str:
        return "else/where"
    return {int: 17, float: 0.125}[kind]


def altered(kind: type[Any]) -> list[Any]:
    """One instance per setting, with that setting changed, and one with none."""
    required = {f.name: another(f.type, f.name, None) for f in fields(kind) if f.default is MISSING}
    changed = [{f.name: another(f.type, f.name, f.default)} for f in fields(kind)]
    return [kind(**{**required, **change}) for change in ({}, *changed)]


@pytest.mark.parametrize("part", ["algorithm", "source", "network", "test", "train", "fit"])
def test_every_setting_of_everything_registered_survives(tmp_path: Path, part: str) -> None:
    registered: dict[str, list[type[Any]]] = {
        "algorithm": list(list_algorithms().values()),
        "source": list(list_sources().values()),
        "network": list(list_networks().values()),
        "test": [Sizes],
        "train": [Sizes],
        "fit": [FitConfig],
    }
    tried = [settings for kind in registered[part] for settings in altered(kind)]
    assert len(set(tried)) > len(registered[part])
    for settings in tried:
        run = replace(RUN, **{part: settings})
        create(tmp_path / "run", run, SPEC, overwrite=True)
        assert read(tmp_path / "run") == (run, SPEC)


def test_spec_survives(tmp_path: Path) -> None:
    for index, spec in enumerate((SPEC, TaskSpec(x_shape=(3, 84, 84), y_dim=5))):
        create(tmp_path / str(index), RUN, spec, overwrite=False)
        assert read(tmp_path / str(index)) == (RUN, spec)


def test_what_is_recorded(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    saved = json.loads((tmp_path / "run" / "run.json").read_text())
    assert saved["algorithm"] == {"name": "maml", **asdict(RUN.algorithm)}
    assert saved["algorithm"]["inner_lr"] == 0.01
    assert saved["torch"] == torch.__version__
    assert set(saved) == {
        *("tokay", "torch", "commit", "spec", "algorithm", "source", "network", "test", "train", "fit"),
        *("fewest_shots", "fewest_ways"),
    }


def test_the_fewest_shots_and_ways_survive(tmp_path: Path) -> None:
    run = replace(RUN, fewest_shots=2, fewest_ways=3)
    create(tmp_path / "run", run, SPEC, overwrite=False)
    assert read(tmp_path / "run") == (run, SPEC)


def test_a_run_of_before_there_were_any(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    saved = json.loads((tmp_path / "run" / "run.json").read_text())
    del saved["fewest_shots"], saved["fewest_ways"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(saved))
    assert read(tmp_path / "run") == (RUN, SPEC)


def test_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert runs.git_commit() is None
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert runs.git_commit() is None  # a repository without a commit
    subprocess.run([*git, "commit", "-q", "--allow-empty", "--no-verify", "-m", "x"], check=True)
    found = runs.git_commit()
    assert found is not None
    assert len(found) == 40
    monkeypatch.setenv("PATH", "")
    assert runs.git_commit() is None


def test_an_existing_folder(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    (tmp_path / "run" / "old.png").write_text("")
    with pytest.raises(ConfigError, match=r"already exists\. Add --overwrite to replace it, or go on with --resume"):
        create(tmp_path / "run", RUN, SPEC, overwrite=False)
    assert (tmp_path / "run" / "old.png").exists()
    create(tmp_path / "run", RUN, SPEC, overwrite=True)
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["run.json"]


def test_overwriting_an_empty_folder_and_one_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty", RUN, SPEC, overwrite=True)
    assert read(tmp_path / "empty") == (RUN, SPEC)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("")
    with pytest.raises(ConfigError, match="--overwrite only replaces a run folder"):
        create(tmp_path / "home", RUN, SPEC, overwrite=True)
    assert (tmp_path / "home" / "letter.txt").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    create(tmp_path / "run", RUN, SPEC, overwrite=False)
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with pytest.raises(DataError, match="cannot be made"):
        create(tmp_path / "link", RUN, SPEC, overwrite=True)
    assert read(tmp_path / "run") == (RUN, SPEC)


def test_build_is_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    a = RUN.build(SPEC).state_dict()
    before = torch.random.get_rng_state()
    b = RUN.build(SPEC).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
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
