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
def test_each_error_is_a_tokay_error_and_a_builtin(kind: type[TokayError]) -> None:
    error = kind("here: what is wrong. What to do.")
    assert isinstance(error, TokayError)
    assert isinstance(error, BUILTINS[kind])
    assert str(error) == "here: what is wrong. What to do."


def test_the_list_is_complete() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, TokayError)}
    assert classes == {TokayError, *BUILTINS}


def test_no_error_is_a_subclass_of_another() -> None:
    for kind in BUILTINS:
        assert not [other for other in BUILTINS if other is not kind and issubclass(kind, other)]
