from pathlib import Path

import pytest

from tokay.cli.main import main
from tokay.cli.output import stdout

from .helpers import SMALL, Call, Result, quietly, write_letters


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the program in this process. The screen is so wide that no line is folded."""
    monkeypatch.setattr(stdout, "_width", 300)

    def run(*words: str | Path) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of four pictures, dark on light."""
    return write_letters(tmp_path_factory.mktemp("letters") / "support", classes=3, files=4)


@pytest.fixture(scope="session")
def sine_run(runs: Path) -> Path:
    """MAML on sine waves, six steps."""
    out = runs / "sine"
    quietly("train", "maml", "sinusoid", "--out", out, "--inner-lr", "0.01", "--steps", "6", *SMALL[:6])
    return out


@pytest.fixture(scope="session")
def sine_rival(runs: Path) -> Path:
    """Scratch on the same sine waves."""
    out = runs / "rival"
    quietly("train", "scratch", "sinusoid", "--out", out)
    return out


@pytest.fixture(scope="session")
def reptile_run(runs: Path) -> Path:
    """Reptile on letters, three ways, four steps."""
    out = runs / "reptile"
    sizes = ("--ways", "3", "--shots", "2", "--queries", "4", "--filters", "4", "--test-steps", "3")
    quietly("train", "reptile", "glyphs", "--out", out, "--steps", "4", *sizes, *SMALL)
    return out


@pytest.fixture(scope="session")
def proto_run(runs: Path) -> Path:
    """ProtoNet on letters, three ways, four steps."""
    out = runs / "proto"
    sizes = ("--ways", "3", "--shots", "2", "--queries", "4", "--filters", "4", "--train-ways", "4")
    quietly("train", "protonet", "glyphs", "--out", out, "--steps", "4", *sizes, *SMALL)
    return out


@pytest.fixture(scope="session")
def gp_run(runs: Path) -> Path:
    """CNP on curves of a Gaussian process, ten steps."""
    out = runs / "gp"
    quietly("train", "cnp", "gp", "--out", out, "--fewest-shots", "3", "--width", "8", "--steps", "10", *SMALL[:6])
    return out


@pytest.fixture(scope="session")
def completion_run(runs: Path) -> Path:
    """NP on the completion of letters, ten steps."""
    out = runs / "completion"
    small = ("--size", "12", "--shots", "20", "--width", "8", "--steps", "10", *SMALL[:6])
    quietly("train", "np", "completion", "--out", out, *small)
    return out


@pytest.fixture(scope="session")
def snail_run(runs: Path) -> Path:
    """SNAIL on letters, three ways, two steps."""
    out = runs / "snail"
    sizes = ("--ways", "3", "--shots", "2", "--queries", "4", "--filters", "4", "--tc-filters", "4")
    quietly("train", "snail", "glyphs", "--out", out, "--steps", "2", *sizes, *SMALL)
    return out


@pytest.fixture(scope="session")
def sine_reader(runs: Path) -> Path:
    """An LSTM on sine waves, two steps."""
    out = runs / "reader"
    quietly("train", "lstm", "sinusoid", "--out", out, "--cells", "4", "--steps", "2", *SMALL[:6])
    return out
