"""From columns to numbers."""

import numpy as np
import pytest
import torch

from tokay.errors import ConfigError, DataError
from tokay.tasks.table_columns import as_names, as_numbers, fit_encoding, is_date

pandas = pytest.importorskip("pandas")

NOTHING = float("nan")


def frame(**columns: object) -> pandas.DataFrame:
    return pandas.DataFrame(columns)


def test_numbers_are_scaled_by_the_training_rows() -> None:
    encoding = fit_encoding(frame(a=[1.0, 3.0]), ["a"], "table")
    assert encoding.inputs == ("a",)
    assert encoding.encode(frame(a=[1.0, 3.0, 5]), "table").tolist() == [[-1.0], [1.0], [3.0]]


def test_a_missing_number_is_the_median_and_told_to_the_network() -> None:
    encoding = fit_encoding(frame(a=[0.0, 0.0, 9.0, NOTHING], b=[1.0, 2, 3, 4]), ["a", "b"], "table")
    assert encoding.inputs == ("a", "a is missing", "b")
    x = encoding.encode(frame(a=[0.0, NOTHING], b=[2.5, NOTHING]), "table")
    assert x[:, 1].tolist() == [0.0, 1.0]
    assert x[0, 0] == x[1, 0]
    assert x[:, 2].tolist() == [0.0, 0.0]  # nothing is missing in training: the median, without an input for it


def test_categories_have_a_place_for_what_training_has_not() -> None:
    encoding = fit_encoding(frame(town=["ulm", "bonn", None]), ["town"], "table")
    assert encoding.inputs == ("town = bonn", "town = missing", "town = ulm", "town is another")
    x = encoding.encode(frame(town=["bonn", "rome", None]), "table")
    assert x.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_true_and_false_and_codes() -> None:
    training = frame(on=[True, False], code=[3, 7])
    encoding = fit_encoding(training, ["on", "code"], "table", categories=["code"])
    assert encoding.inputs == ("on", "code = 3", "code = 7", "code is another")
    assert encoding.encode(training, "table").tolist() == [[1, 1, 0, 0], [-1, 0, 1, 0]]
    floats = frame(on=[True], code=[3.0])  # with a missing value, pandas reads 3 as 3.0
    assert encoding.encode(floats, "table")[0, 1] == 1


def test_columns_without_information_are_left_out() -> None:
    training = frame(same=[0.1, 0.1, 0.1], empty=[NOTHING] * 3, word=["x"] * 3, a=[1, 2, 3])
    encoding = fit_encoding(training, list(training.columns), "table")
    assert encoding.inputs == ("a",)
    assert encoding.omissions == ("same", "empty", "word")
    with pytest.raises(
        ConfigError, match=r"^table: at least one feature must differ .* all of same, empty are constant"
    ):
        fit_encoding(training, ["same", "empty"], "table")


def test_a_column_that_is_constant_but_for_holes() -> None:
    encoding = fit_encoding(frame(a=[2.0, NOTHING]), ["a"], "table")
    assert encoding.encode(frame(a=[2.0, NOTHING]), "table").tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["2024-01-31", "2024-02-01"],
            "column a must hold numbers or categories, it holds dates. Turn it into a number",
        ),
        (["31.1.2024", "1.2.2024"], r"it holds dates.*--without a"),
        (pandas.to_datetime(["2024-01-31", "2024-02-01"]), "it holds dates"),
        (["1", "2", "12 mg"], r"must hold numbers, 1 of 3 values are not, such as '12 mg' \(row 3\).*--categories a"),
        ([1.0, float("inf")], r"must be finite, 1 of 2 values are not \(row 2\)"),
        ([1.0, -1e200], r"must be below 1e\+100, 1 of 2 values are not \(row 2\)"),
        ([[1], [2]], "must hold numbers or text, it holds list values"),
        ([f"text {i}" for i in range(60)], "at most 50 categories, it has 60 different texts, such as 'text 0'. Leave"),
    ],
)
def test_what_is_no_feature(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=f"^table: column a {message}" if message[0] == "m" else message):
        fit_encoding(frame(a=values), ["a"], "table")


def test_a_word_among_the_numbers_of_a_test_row() -> None:
    encoding = fit_encoding(frame(a=[1.0, 2.0]), ["a"], "table")
    with pytest.raises(DataError, match=r"column a must hold numbers, 1 of 2 values are not, such as 'x' \(row 2\)"):
        encoding.encode(frame(a=["1", "x"]), "table")


def test_small_numbers_are_not_constant() -> None:
    encoding = fit_encoding(frame(a=[1e-14, 3e-14]), ["a"], "table")
    assert torch.allclose(encoding.encode(frame(a=[1e-14, 3e-14]), "table"), torch.tensor([[-1.0], [1.0]]))


def test_large_numbers_keep_their_differences() -> None:
    encoding = fit_encoding(frame(a=[1e9, 1e9 + 2]), ["a"], "table")
    assert torch.allclose(encoding.encode(frame(a=[1e9, 1e9 + 2]), "table"), torch.tensor([[-1.0], [1.0]]))


def test_names() -> None:
    assert as_names(pandas.Series([1.0, 2.0, NOTHING])) == ["1", "2", ""]
    assert as_names(pandas.Series(["a ", None])) == ["a", ""]
    assert as_names(pandas.Series([True, False])) == ["True", "False"]
    assert as_names(pandas.Series(pandas.Categorical(["b", None])), missing="missing") == ["b", "missing"]
    assert as_names(pandas.Series([1.5, 2.0])) == ["1.5", "2.0"]


def test_dates() -> None:
    assert is_date(pandas.Series(["2024-01-31 12:00", None]))
    assert not is_date(pandas.Series(["2024-01-31", "soon"]))
    assert not is_date(pandas.Series([NOTHING]))
    assert not is_date(pandas.Series([20240131]))


def test_numbers_of_any_type() -> None:
    for values in ([1, 2], ["1", " 2"], np.array([1, 2], dtype="uint8"), pandas.array([1, 2], dtype="Int64")):
        assert as_numbers(pandas.Series(values), "a", "table").tolist() == [1.0, 2.0]
