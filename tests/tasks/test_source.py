"""The registry of sources."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from tokay import ConfigError, Sizes
from tokay.core.task import Split, TaskSource
from tokay.tasks import Glyphs, Sinusoid, Source, list_sources
from tokay.tasks.source import _sources


def test_every_source_is_there_with_a_line_about_it() -> None:
    assert {"glyphs", "images", "omniglot", "sinusoid"} <= set(list_sources())
    for name, source in list_sources().items():
        assert source.name == name
        assert source.summary
        assert "\n" not in source.summary


def test_a_name_is_taken_once() -> None:
    with pytest.raises(
        ConfigError,
        match=r"^source: the name 'sinusoid' is taken by .*\.Sinusoid\. Choose another\.",
    ):

        @dataclass(frozen=True, kw_only=True)
        class Other(Source, name="sinusoid"):
            summary = "other"

            def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
                raise NotImplementedError

    assert list_sources()["sinusoid"] is Sinusoid


def test_a_new_one_registers_itself() -> None:
    with _sources.temporary():

        @dataclass(frozen=True, kw_only=True)
        class Mine(Source, name="mine"):
            summary = "mine"

            def tasks(self, split: Split, sizes: Sizes) -> TaskSource:
                return Sinusoid().tasks(split, sizes)

        assert list_sources()["mine"] is Mine
        assert Mine().tasks("test", Sizes()).spec.kind == "regression"
    assert "mine" not in list_sources()


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Sinusoid().variant = "reptile"  # type: ignore[misc]


def test_a_source_whose_classes_are_always_the_same() -> None:
    source = Sinusoid()
    assert source.has_split("test")
    assert source.keep_classes({"train": ["a"], "validation": [], "test": []}, add_new=True) is source
    assert source.describe_classes() == ""


def test_the_default_backbone() -> None:
    """A source without one leaves it to the method: pictures. Else the method's own for vectors comes first."""
    assert Glyphs.default_network("conv4", "linear") == "conv4"
    assert Sinusoid.default_network("conv4", "linear") == "linear"
    assert Sinusoid.default_network("conv4", None) == Sinusoid.network == "mlp"
