"""Names are given once; other packages come in by entry points and by import."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import tokay
from tokay import ConfigError
from tokay.core import registry as module
from tokay.core.registry import Registry, declared, import_plugins


class Gecko:
    name: str


def reptiles() -> Registry[Gecko]:
    return Registry("reptile", home="tokay.errors", group="tokay.no_such_group")


def test_a_class_gets_its_name() -> None:
    registry = reptiles()
    registry.add(Gecko, "tokay")
    assert registry.by_name() == {"tokay": Gecko}
    assert Gecko.name == "tokay"


def test_a_name_is_given_once() -> None:
    registry = reptiles()
    registry.add(Gecko, "tokay")
    other = type("Skink", (Gecko,), {})
    with pytest.raises(ConfigError, match=r"^reptile: the name 'tokay' is taken by .*test_registry\.Gecko\. Choose"):
        registry.add(other, "tokay")
    assert registry.by_name() == {"tokay": Gecko}


@pytest.mark.parametrize("name", ["", "My Method", "maml*", "-x", "a/b", "ünder", "two words", "Upper", None])
def test_names_are_words_of_a_command_line(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"^reptile: a name must be lower-case letters, digits"):
        reptiles().add(Gecko, name)


def test_networks_and_sources_have_a_summary() -> None:
    with pytest.raises(ConfigError, match=r"^silent: a network must have a summary, .*Silent has none\. Add summary ="):

        class Silent(tokay.networks.Network, name="silent"):
            pass

    with pytest.raises(ConfigError, match=r"^quiet: a source must have a summary"):

        class Quiet(tokay.tasks.Source, name="quiet"):
            pass

    assert "silent" not in tokay.networks.list_networks()
    assert "quiet" not in tokay.tasks.list_sources()


def test_a_class_of_the_same_name_in_another_module_does_not_replace_it() -> None:
    registry = reptiles()
    registry.add(Gecko, "tokay")
    with pytest.raises(ConfigError, match="is taken"):
        registry.add(type("Gecko", (), {"__module__": "elsewhere"}), "tokay")


def test_a_class_that_is_made_anew_replaces_itself() -> None:
    registry = reptiles()
    registry.add(Gecko, "tokay")
    again = type("Gecko", (), {"__module__": __name__})
    registry.add(again, "tokay")
    assert registry.by_name()["tokay"] is again


def test_the_first_look_loads_tokays_own() -> None:
    assert {"maml", "protonet"} <= tokay.list_algorithms().keys()


def test_a_broken_entry_point_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("mine", "no_such_module_here", "tokay.algorithms")
    monkeypatch.setattr(module, "declared", lambda groups: [broken])
    registry = reptiles()
    for _ in range(2):  # the second look does not pass in silence
        with pytest.raises(ConfigError, match=r"mine = no_such_module_here .* must load, got ModuleNotFoundError"):
            registry.by_name()


def test_entry_points_are_found_by_group() -> None:
    assert all(entry_point.group in module.GROUPS for entry_point in declared())


def test_import_of_a_module_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"^--import no\.such\.module: must be a module that can be imported"):
        import_plugins(["no.such.module"])


def test_import_of_a_module_that_takes_a_name_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "takes_maml.py").write_text(
        "from tokay.core.task import Sizes\n"
        "from tokay.tasks import Source\n"
        "class Waves(Source, name='sinusoid'):\n"
        "    summary = 'taken'\n"
    )
    tokay.list_algorithms()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ConfigError, match=r"^--import takes_maml: source: the name 'sinusoid' is taken by tokay\.tasks"
    ):
        import_plugins(["takes_maml"])
    assert "takes_maml" not in sys.modules


def test_a_module_that_exits_when_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exits_at_once.py").write_text("raise SystemExit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ConfigError, match=r"^--import exits_at_once: must be a module that can be imported, got SystemExit"
    ):
        import_plugins(["exits_at_once"])
