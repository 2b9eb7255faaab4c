"""What every registered algorithm is: a frozen value with a name, a reference, an example and settings of its own.

They enter by themselves; see ``helpers`` for how one excuses itself from a check.
"""

import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, fields, replace
from itertools import chain, product
from pathlib import Path
from typing import get_args

import pytest

import tokay
from tokay import ConfigError, FitConfig
from tokay.cli.task_sizes import sizes_of
from tokay.cli.train import Settings
from tokay.core.cost import FAMILIES
from tokay.core.task import Kind
from tokay.networks import list_networks
from tokay.tasks import list_sources

from .helpers import EXCUSABLE, each_algorithm, excuse, excused, methods, numeric, variants


@each_algorithm
def test_is_a_value(name: str) -> None:
    for algorithm in variants(methods()[name]).values():
        assert algorithm.name == name
        assert replace(algorithm) == algorithm
        assert hash(replace(algorithm)) == hash(algorithm)
        for field in fields(algorithm):
            with pytest.raises(FrozenInstanceError):
                setattr(algorithm, field.name, getattr(algorithm, field.name))
        assert replace(algorithm.at_test()) == algorithm.at_test()
        assert type(algorithm.at_test()) is type(algorithm)
        assert type(algorithm.at_progress(0.5)) is type(algorithm)
        assert set(algorithm.takes()) <= set(algorithm.kinds)
        assert algorithm.takes()


@each_algorithm
def test_json_round_trip(name: str) -> None:
    for algorithm in variants(methods()[name]).values():
        data = json.loads(json.dumps(asdict(algorithm)))
        again = type(algorithm)(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})
        assert again == algorithm


@each_algorithm
def test_is_documented(name: str) -> None:
    kind = methods()[name]
    assert len(kind.reference) > 10
    assert kind.summary
    assert "\n" not in kind.summary
    assert kind.__doc__ is not None
    assert ">>>" in kind.__doc__, "the class needs an example"
    assert "State:" in kind.__doc__, "the class must say what its task state is"
    assert kind.kinds
    assert kind.network in list_networks()
    assert kind.cost.family in FAMILIES
    assert len(kind.cost.formula) > 5
    assert set(kind.kinds) <= set(get_args(Kind))


@each_algorithm
def test_refuses(name: str) -> None:
    """0, -1 and NaN in a numeric field raise a ConfigError that names the field, at construction."""
    kind = methods()[name]
    for field in fields(kind):
        if not numeric(kind, field.name):
            continue
        for value in (0, -1, math.nan):
            if excuse(kind(), "refuses", f"{field.name}={value}") is not None:
                kind(**{field.name: value})  # an excuse that is not needed fails here
                continue
            with pytest.raises(ConfigError, match=rf"^{re.escape(name)}: {field.name}\b"):
                kind(**{field.name: value})


def test_numbers_are_recognised() -> None:
    """Those that may be left out, too."""
    assert [numeric(tokay.MAML, name) for name in ("inner_lr", "inner_steps", "order")] == [True, True, False]
    assert not numeric(tokay.Reptile, "inner")


@each_algorithm
def test_refuses_unknown_choices(name: str) -> None:
    kind = methods()[name]
    for variant in filter(None, variants(kind)):
        field = variant.partition("=")[0]
        if isinstance(getattr(kind(), field), bool):  # any value is true or false
            continue
        with pytest.raises(ConfigError, match=rf"^{re.escape(name)}: {field}\b"):
            kind(**{field: "none of them"})


@each_algorithm
def test_exceptions_name_a_check_and_a_reason(name: str) -> None:
    checks = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for key, reason in methods()[name].exceptions.items():
        check = key.partition("[")[0]
        assert check in EXCUSABLE, f"no algorithm is excused from {check}"
        assert f"def test_{check}(" in checks
        assert len(reason) > 10, f"{key} needs a reason"


def test_an_excuse_that_is_not_needed_fails() -> None:
    reptile = tokay.Reptile()
    with pytest.raises(pytest.fail.Exception, match="is not true"), excused(reptile, "finite_differences"):
        pass
    with pytest.raises(pytest.xfail.Exception, match="is excused"), excused(reptile, "finite_differences"):
        raise AssertionError
    with pytest.raises(AssertionError), excused(reptile, "padding"):
        raise AssertionError
    assert excuse(tokay.MAML(), "finite_differences", "order=1")
    assert not excuse(tokay.MAML(), "finite_differences")


@each_algorithm
def test_flags_do_not_collide(name: str) -> None:
    for source, network in product(list_sources().values(), list_networks().values()):
        test, training = sizes_of(source)
        parts = (methods()[name], source, network, FitConfig, Settings, type(test), training)
        flags = [field.name for field in chain.from_iterable(fields(part) for part in parts)]
        assert sorted(flags) == sorted(set(flags)), f"{source.name} {network.name}"
