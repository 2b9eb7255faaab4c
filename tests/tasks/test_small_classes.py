"""Classes with few examples: which tasks they take part in, and what is said of them."""

import pytest

from tokay import Sizes
from tokay.errors import TaskError
from tokay.tasks.small_classes import describe_small, large_classes

COUNTS = {"a": 6, "b": 2, "c": 4, "d": 6}


@pytest.mark.parametrize(
    "shots, queries, expected", [(1, 1, "abcd"), (1, 2, "acd"), (2, 2, "acd"), (1, 5, "ad"), (3, 3, "ad")]
)
def test_classes_take_part_where_sizes_allow(shots: int, queries: int, expected: str) -> None:
    sizes = Sizes(ways=2, shots=shots, queries=queries)
    assert list(large_classes(COUNTS, list(COUNTS), sizes, items="pictures", where="images")) == list(expected)


def test_too_few_large_classes() -> None:
    with pytest.raises(TaskError) as caught:
        large_classes(COUNTS, list(COUNTS), Sizes(ways=3, shots=1, queries=4), items="pictures", where="images (test)")
    assert str(caught.value) == (
        "images (test): 1 shots + 4 queries need 5 pictures of each of 3 classes, 2 of 4 classes have fewer, such as b with 2. "
        "Ask for fewer shots, queries or ways."
    )


def test_too_few_classes_are_the_business_of_the_episodes() -> None:
    assert large_classes(COUNTS, "bc", Sizes(ways=3, shots=9), items="pictures", where="images") == "bc"


def test_what_is_left_out() -> None:
    sizes, many = Sizes(shots=1, queries=2), {str(i): 1 for i in range(5)}
    words = {"items": "pictures", "where": "images"}
    assert describe_small(COUNTS, "acd", "train", sizes, **words) == ""
    expected = "images: left out 1 of 4 training classes, with fewer than 3 pictures (b 2)"
    assert describe_small(COUNTS, "abcd", "train", sizes, **words) == expected
    expected = "images: left out 5 of 5 validation classes, with fewer than 3 pictures (0 1, 1 1, 2 1, ...)"
    assert describe_small(many, list(many), "validation", sizes, **words) == expected
