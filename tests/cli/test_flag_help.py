"""What ``--help`` shows: every flag has a text, and no default says nothing."""

import re
from dataclasses import dataclass, fields, make_dataclass
from typing import Literal

import pytest

from tokay import FitConfig
from tokay.cli.flag_help import field_texts
from tokay.cli.flags import parse
from tokay.core.algorithm import list_algorithms
from tokay.networks import list_networks
from tokay.tasks import list_sources

PARTS = [FitConfig, *list_algorithms().values(), *list_sources().values(), *list_networks().values()]


@dataclass(frozen=True, kw_only=True)
class _Base:
    a: int | None = None
    """number of apples (default: all)"""
    b: Literal["x", "y"] | None = None
    """which
    of two"""


@dataclass(frozen=True, kw_only=True)
class _Flags(_Base):
    c: bool = False
    """whether to cook"""
    d: tuple[int, ...] = ()
    """days"""
    e: float = 0.5
    """energy"""
    f: tuple[int, int] | None = None
    """first and last (default: all)"""


def test_the_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        parse(_Flags, ["--help"], prog="tokay cook", description="Cook.")
    assert stop.value.code == 0
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    flags = [re.sub(r"\s+", " ", line) for line in lines if re.match(r"--?\w", line)]
    assert flags == [
        "-h, --help show this help message and exit",
        "--a INT number of apples (default: all)",
        "--b {x,y} which of two",
        "--c whether to cook",
        "--d [INT [INT ...]] days",
        "--e FLOAT energy (default: 0.5)",
        "--f INT INT first and last (default: all)",
    ]


def test_help_and_parsing_agree() -> None:
    flags = parse(_Flags, ["--a", "3", "--c", "--d", "1", "2", "--f", "3", "4"], prog="tokay cook", description="Cook.")
    assert flags == _Flags(a=3, c=True, d=(1, 2), f=(3, 4))


def test_a_class_without_source_code() -> None:
    with pytest.raises((OSError, TypeError)):
        field_texts(make_dataclass("Made", [("a", int)]))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_flag_has_a_text(part: type) -> None:
    texts = field_texts(part)
    missing = [field.name for field in fields(part) if not texts.get(field.name)]
    assert not missing, "write a string under the field"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_flag_that_may_be_left_out_says_what_happens_then(part: type) -> None:
    texts = field_texts(part)
    silent = [field.name for field in fields(part) if field.default is None and "default: " not in texts[field.name]]
    assert not silent, "end the text with (default: ...)"
