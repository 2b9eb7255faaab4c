"""From names to integers."""

import torch

from tokay.tasks.ratings_encoding import UNKNOWN, RatingEncoding, fit_encoding
from tokay.tasks.ratings_features import FeatureTable

FILMS = FeatureTable(("a", "b", "c", "d"), {"genres": ("D", "C|S", "C|S", "D")})
PEOPLE = FeatureTable(("u", "v", "w", "x"), {"gender": ("F", "M", "F", "M")})


def encoding(**changes: object) -> RatingEncoding:
    settings: dict[str, object] = {
        "item_counts": {"a": 3, "b": 2, "c": 1, "d": 0},
        "items": FILMS,
        "users": PEOPLE,
        "training_items": set("abcd"),
        "training_users": set("uvwx"),
    }
    return fit_encoding(**(settings | changes))  # type: ignore[arg-type]


def test_no_two_fields_share_a_number() -> None:
    code = encoding()
    assert code.fields == ("item", "item genres", "gender")
    assert code.values == 2
    # Items 2 and 3, genres C 4, D 5, S 6 (the largest number of an item is 3), genders 7 and 8; 0 is padding.
    assert code.encode_items(["a", "b", "c"]).tolist() == [
        [[2, 0], [5, 0]],
        [[3, 0], [4, 6]],
        [[UNKNOWN, 0], [4, 6]],
    ]
    assert code.encode_users(["u", "v"]).tolist() == [[[7, 0]], [[8, 0]]]
    assert code.numbers == 9


def test_what_nothing_is_known_of() -> None:
    code = encoding()
    assert code.encode_items(["d", "new"]).tolist() == [[[UNKNOWN, 0], [5, 0]], [[UNKNOWN, 0], [0, 0]]]
    assert code.encode_users(["new"]).tolist() == [[[0, 0]]]


def test_features_alone_and_items_alone() -> None:
    assert encoding(item_counts=None, users=None).encode_items(["a"]).tolist() == [[[2, 0]]]
    numbers = encoding(items=None, users=None)
    assert (numbers.fields, numbers.numbers, numbers.encode_items(["b"]).tolist()) == (("item",), 4, [[[3]]])
    assert numbers.encode_users(["u", "v"]).shape == torch.Size([2, 0, 1])


def test_the_number_of_an_item_does_not_depend_on_the_counts_of_others() -> None:
    """So that a run whose ratings changed reads the vectors that it trained."""
    assert encoding(item_counts={"a": 1, "b": 2}).item_numbers == {"b": 3}
