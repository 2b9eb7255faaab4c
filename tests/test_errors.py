import pytest

from tokay import ConfigError, DataError, DivergenceError, NetworkError, TaskError, TokayError, errors

BUILTINS = {
    ConfigError: ValueError,
    TaskError: ValueError,
    NetworkError: RuntimeError,
    DataError: OSError,
    DivergenceError: ArithmeticError,
}


@pytest.mark.parametrize("kind", BUILTINS)
def test_each_is_ours_and_a_builtin(kind: type[TokayError]) -> None:
    error = kind("here: what is wrong. What to do.")
    assert isinstance(error, TokayError)
    assert isinstance(error, BUILTINS[kind])
    assert str(error) == "here: what is wrong. What to do."


def test_none_is_missing_here() -> None:
    ours = {thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, TokayError)}
    assert ours == {TokayError, *BUILTINS}


def test_none_is_another() -> None:
    for kind in BUILTINS:
        assert not [other for other in BUILTINS if other is not kind and issubclass(kind, other)]
