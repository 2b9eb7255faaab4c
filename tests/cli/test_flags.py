"""From words to dataclasses, and the one-line error for words that do not fit."""

import ast
import inspect
import itertools
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Annotated

import pytest
import tyro

import tokay
from tokay.cli.flags import combine, flags_of, parse
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
    values = read("here", "--inner-lr", "2", "--shots", "1", "5", "--json")
    assert values == Example(place="here", inner_lr=2.0, shots=(1, 5), json=True)


def test_underscores_become_dashes_in_a_flag_and_stay_in_a_value() -> None:
    assert read("a_b", "--inner_lr=3").inner_lr == 3
    assert read("a_b", "--inner_lr", "3").place == "a_b"


def test_a_negative_number_is_a_value() -> None:
    assert read("here", "--inner-lr", "-3").inner_lr == -3


@pytest.mark.parametrize(
    "words, expected",
    [
        (("here", "--inner-lrr", "3"), "has no flag --inner-lrr. Did you mean --inner-lr?"),
        (("here", "--zzzzz"), "It has --help --inner-lr --json --shots."),
        (("here", "--place", "there"), "has no flag --place."),
        (("here", "--no-json"), "has no flag --no-json"),
        (("here", "--inner-lr", "fast"), "'fast'"),
        (("here", "--inner-lr"), "--inner-lr"),
        (("here", "there"), "there"),
        ((), "tokay example: needs PLACE (where). See tokay example --help."),
    ],
)
def test_what_does_not_fit_is_one_line(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(*words)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("tokay example: ")
    assert "\n" not in str(caught.value)
    assert not set(str(caught.value)) & set("│╭╰╮╯─")
    assert capsys.readouterr() == ("", "")


def test_missing_flags_are_listed_with_their_text() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Root:
        root: str
        """folder of folders: one per class"""

    kinds = {"extra": (Extra, "places"), "more": (Root, "more")}
    for parts, expected in (
        (["extra"], "needs --out (where to)."),
        (["extra", "more"], "needs --out (where to) and --root (folder of folders: one per class)."),
    ):
        with pytest.raises(ConfigError) as caught:
            parse(combine("All", {name: kinds[name] for name in parts}, Sizes), [], prog="tokay x", description="")
        assert str(caught.value) == f"tokay x: {expected} See tokay x --help."
    with pytest.raises(ConfigError, match=r"needs PLACE \(where\), --out \(where to\) and --root \(folder"):
        parse(combine("All", kinds, Example), [], prog="tokay x", description="")


def test_a_terminal_without_utf8_has_the_same_messages() -> None:
    """tyro draws its boxes with dashes there."""
    script = "import sys; from tokay.cli.main import main; sys.exit(main(['train', 'maml', 'sinusoid', *sys.argv[1:]]))"
    for words, expected in (((), "needs --out (run folder to make)."), (("--out", "x", "--steps", "q"), "'q'")):
        process = subprocess.run(
            [sys.executable, "-c", script, *words],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            check=False,
        )
        assert process.returncode == 2
        assert expected in process.stderr
        assert "---" not in process.stderr


def test_many_flags_are_not_listed() -> None:
    kind = make_dataclass("Wide", [(f"flag{number}", int, 0) for number in range(50)])
    with pytest.raises(ConfigError) as caught:
        parse(kind, ["--nothing", "1"], prog="tokay wide", description="")
    assert str(caught.value) == "tokay wide: has no flag --nothing. See tokay wide --help."


def test_the_message_of_a_dataclass_is_kept() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(FitConfig, ["--steps", "-1"], prog="tokay example", description="")
    assert str(caught.value) == "fit: steps must not be negative, got -1."


def test_help_lists_every_flag_and_exits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read("--help")
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert all(words in printed for words in ("An example.", "--inner-lr", "a rate", "--json"))


@pytest.mark.parametrize(
    "kind", [*tokay.list_algorithms().values(), *list_sources().values(), *list_networks().values(), FitConfig, Sizes]
)
def test_the_help_of_a_flag_is_one_line(kind: type) -> None:
    """tyro would break a longer docstring of a field at the line breaks of the source."""
    source = inspect.getsource(kind)
    for member, text in itertools.pairwise(ast.parse(textwrap.dedent(source)).body[0].body):  # type: ignore[attr-defined]
        if isinstance(member, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert "\n" not in str(text.value.value), ast.unparse(member)


def test_positional_words_are_no_flags() -> None:
    assert flags_of(Example) == ["--inner-lr", "--shots", "--json"]


def test_combine_gives_the_flags_of_every_part() -> None:
    kind = combine("Both", {"sizes": (Sizes, "sizes"), "fit": (FitConfig, "training")}, Extra)
    assert flags_of(kind) == ["--out", *flags_of(Sizes), *flags_of(FitConfig)]
    values = parse(kind, ["--out", "here", "--ways", "7", "--steps", "3"], prog="tokay example", description="")
    assert values.settings == Extra(out="here")
    assert values.sizes == Sizes(ways=7)
    assert values.fit == FitConfig(steps=3)


def test_a_part_without_a_text_joins_the_settings_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    kind = combine("Both", {"sizes": (Sizes, ""), "fit": (FitConfig, "training")}, Extra)
    with pytest.raises(SystemExit):
        parse(kind, ["--help"], prog="tokay example", description="")
    settings, fit = capsys.readouterr().out.split(" run options ")[1].split(" fit options ")
    assert all(flag in settings for flag in ("--out", "--ways", "--shots", "--queries"))
    assert "--steps" not in settings
    assert "--steps" in fit
    values = parse(kind, ["--out", "here", "--ways", "7"], prog="tokay example", description="")
    assert (values.settings, values.sizes) == (Extra(out="here"), Sizes(ways=7))


def test_a_part_may_bring_defaults_of_its_own() -> None:
    both = combine("Both", {"sizes": (Sizes(ways=20, queries=1), "the sizes")}, Extra)
    assert parse(both, ["--out", "x"], prog="tokay", description="").sizes == Sizes(ways=20, shots=1, queries=1)
    values = parse(both, ["--out", "x", "--shots", "5", "--ways", "3"], prog="tokay", description="")
    assert values.sizes == Sizes(ways=3, shots=5, queries=1)
    assert flags_of(both) == ["--out", "--ways", "--shots", "--queries"]


def test_paths_with_underscores_survive(tmp_path: Path) -> None:
    assert read(str(tmp_path / "a_b")).place == str(tmp_path / "a_b")
