"""A package of somebody else: a method, a source and a network that work like Tokay's own."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

SOURCE = Path(__file__).parent.parent / "examples" / "outside"
Process = subprocess.CompletedProcess[str]
Call = Callable[..., Process]
IMPORTS = [word for part in ("method", "source", "network") for word in ("--import", f"centroids.{part}")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package installed into a folder of its own, with its entry points, without touching the environment."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "centroids").mkdir()
    for file in (SOURCE / "centroids").glob("*.py"):
        (folder / "centroids" / file.name).write_text(file.read_text())
    information = folder / "centroids-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: centroids\nVersion: 0.1.0\n")
    groups = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [line for group, entries in groups.items() for line in (f"[{group}]", *map(" = ".join, entries.items()))]
    (information / "entry_points.txt").write_text("\n".join(lines))
    return folder


def call(*words: str | Path, cwd: Path, site: Path | None = None) -> Process:
    root = str(Path(__file__).parent.parent)
    paths = [root, *([str(site)] if site else [])]
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
        timeout=300,
    )


TRAIN = (
    "tokay",
    "train",
    "centroid",
    "blobs",
    "--out",
    "run",
    "--steps",
    "4",
    "--meta-batch",
    "2",
    "--validate-every",
    "0",
)


def test_a_run_folder_beside_the_package_does_not_hinder_the_installation(tmp_path: Path) -> None:
    """`tokay train --out runs/first` makes the folder that setuptools takes for a second package."""
    pytest.importorskip("setuptools", minversion="77")
    shutil.copytree(SOURCE, tmp_path / "outside")
    (tmp_path / "outside" / "runs" / "first").mkdir(parents=True)
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    process = subprocess.run(
        [sys.executable, "-c", build],
        capture_output=True,
        text=True,
        cwd=tmp_path / "outside",
        check=False,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    (wheel,) = tmp_path.glob("*.whl")
    assert {name.split("/")[0] for name in ZipFile(wheel).namelist()} == {"centroids", "centroids-0.1.0.dist-info"}


def test_entry_points(installed: Path, tmp_path: Path) -> None:
    for words in (
        (*TRAIN, "--temperature", "2"),
        ("tokay", "train", "--resume", "run"),
        ("tokay", "evaluate", "run", "--tasks", "4", "--seen-tasks", "0"),
    ):
        process = call(*words, cwd=tmp_path, site=installed)
        assert process.returncode == 0, process.stderr
    listing = call("tokay", "list", cwd=tmp_path, site=installed).stdout
    assert all(name in listing for name in ("centroid", "blobs", "tanh-mlp"))


def test_import(installed: Path, tmp_path: Path) -> None:
    """Modules that are no installed package: found in the current folder, named by --import."""
    (tmp_path / "centroids").symlink_to(installed / "centroids")
    process = call(*TRAIN, *IMPORTS, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    forgotten = call("tokay", "evaluate", "run", cwd=tmp_path)
    assert forgotten.returncode == 2
    assert "add --import centroids.method" in forgotten.stderr
    assert len(forgotten.stderr.splitlines()) == 1
    evaluate = ("tokay", "evaluate", "run", "--tasks", "4", "--seen-tasks", "0")
    assert call(*evaluate, *IMPORTS, cwd=tmp_path).returncode == 0
    missing = call("tokay", "list", "--import", "no_such_module", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "--import no_such_module: must be a module that can be imported" in missing.stderr


@pytest.mark.slow
def test_the_conformance_suite_takes_it(installed: Path, tmp_path: Path) -> None:
    suite = ("pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "tokay.conformance", "--tokay-algorithm")
    process = call(*suite, "centroids.method.Centroid", cwd=tmp_path, site=installed)
    assert process.returncode == 0, process.stdout[-3000:]
    assert "passed" in process.stdout
    wrong = call(*suite, "centroids.method.Nothing", cwd=tmp_path, site=installed)
    assert wrong.returncode != 0
    assert "--tokay-algorithm centroids.method.Nothing: cannot be imported" in wrong.stdout + wrong.stderr
