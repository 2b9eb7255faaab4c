"""Words to dataclasses, and the one line for those that do not fit."""

import ast
import inspect
import itertools
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import tyro

import tokay
from tokay.cli.flags import combine, flags_of, one_of, parse
from tokay.core.task import Sizes
from tokay.errors import ConfigError
from tokay.networks import list_networks
from tokay.tasks import list_sources
from tokay.training.fit import FitConfig


@dataclass(frozen=True, kw_only=True)
class Example:
    place: Annotated[str, tyro.conf.Positional]
    """where"""
    inner_lr: float = 0.5
    """a rate"""
    shots: tuple[int, ...] = ()
    """several"""
    json: bool = False
    """a switch"""


@dataclass(frozen=True, kw_only=True)
class Extra:
    out: str
    """where to"""


def read(*words: str) -> Example:
    return parse(Example, words, prog="tokay example", description="An example.")


def test_defaults_and_values() -> None:
    assert read("here") == Example(place="here")
    given = read("here", "--inner-lr", "2", "--shots", "1", "5", "--json")
    assert given == Example(place="here", inner_lr=2.0, shots=(1, 5), json=True)


def test_underscores_are_as_good_as_dashes_in_a_flag_and_stay_in_a_value() -> None:
    assert read("a_b", "--inner_lr=3").inner_lr == 3
    assert read("a_b", "--inner_lr", "3").place == "a_b"


def test_a_negative_number_is_a_value() -> None:
    assert read("here", "--inner-lr", "-3").inner_lr == -3


@pytest.mark.parametrize(
    "words, said",
    [
        (("here", "--inner-lrr", "3"), "has no flag --inner-lrr. Did you mean --inner-lr?"),
        (("here", "--zzzzz"), "It has --help --inner-lr --json --shots."),
        (("here", "--place", "there"), "has no flag --place."),
        (("here", "--no-json"), "has no flag --no-json"),
        (("here", "--inner-lr", "fast"), "'fast'"),
        (("here", "--inner-lr"), "--inner-lr"),
        (("here", "there"), "there"),
        ((), "where"),
    ],
)
def test_what_does_not_fit_is_one_line(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(*words)
    assert said in str(caught.value)
    assert str(caught.value).startswith("tokay example: ")
    assert "\n" not in str(caught.value)
    assert not set(str(caught.value)) & set("│╭╰╮╯─")
    assert capsys.readouterr() == ("", "")


def test_a_dataclass_that_objects_has_the_last_word() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(FitConfig, ["--steps", "-1"], prog="tokay example", description="")
    assert str(caught.value) == "fit: steps must not be negative, got -1."


def test_help_lists_every_flag_and_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        read("--help")
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert all(words in printed for words in ("An example.", "--inner-lr", "a rate", "--json"))


@pytest.mark.parametrize(
    "kind", [*tokay.list_algorithms().values(), *list_sources().values(), *list_networks().values(), FitConfig, Sizes]
)
def test_what_a_flag_does_is_told_in_one_line(kind: type) -> None:
    """tyro would break longer docstrings of fields where the source does."""
    source = inspect.getsource(kind)
    for member, text in itertools.pairwise(ast.parse(textwrap.dedent(source)).body[0].body):  # type: ignore[attr-defined]
        if isinstance(member, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert "\n" not in str(text.value.value), ast.unparse(member)


def test_positional_words_are_no_flags() -> None:
    assert flags_of(Example) == ["--inner-lr", "--shots", "--json"]


def test_combine_gives_the_flags_of_every_part() -> None:
    kind = combine("Both", {"sizes": (Sizes, "sizes"), "fit": (FitConfig, "training")}, Extra)
    assert flags_of(kind) == ["--out", *flags_of(Sizes), *flags_of(FitConfig)]
    given = parse(kind, ["--out", "here", "--ways", "7", "--steps", "3"], prog="tokay example", description="")
    assert given.settings == Extra(out="here")
    assert given.sizes == Sizes(ways=7)
    assert given.fit == FitConfig(steps=3)


def test_a_part_may_bring_defaults_of_its_own() -> None:
    both = combine("Both", {"sizes": (Sizes(ways=20, queries=1), "the sizes")}, Extra)
    assert parse(both, ["--out", "x"], prog="tokay", description="").sizes == Sizes(ways=20, shots=1, queries=1)
    given = parse(both, ["--out", "x", "--shots", "5", "--ways", "3"], prog="tokay", description="")
    assert given.sizes == Sizes(ways=3, shots=5, queries=1)
    assert flags_of(both) == ["--out", "--ways", "--shots", "--queries"]


def test_one_of() -> None:
    assert one_of("maml", ["maml", "reptile"], "algorithm") == "maml"
    with pytest.raises(
        ConfigError, match=r"the algorithm must be one of maml, reptile, got 'mam'. Did you mean maml\?"
    ):
        one_of("mam", ["maml", "reptile"], "algorithm")
    with pytest.raises(ConfigError, match=r"got 'xyz'\.$"):
        one_of("xyz", ["maml", "reptile"], "algorithm")


def test_paths_with_underscores_survive(tmp_path: Path) -> None:
    assert read(str(tmp_path / "a_b")).place == str(tmp_path / "a_b")
