"""Names that a user types."""

import pytest

from tokay.cli.suggestions import one_of, suggestion
from tokay.errors import ConfigError


def test_one_of() -> None:
    assert one_of("maml", ["maml", "reptile"], "algorithm") == "maml"
    with pytest.raises(
        ConfigError, match=r"the algorithm must be one of maml, reptile, got 'mam'. Did you mean maml\?"
    ):
        one_of("mam", ["maml", "reptile"], "algorithm")
    with pytest.raises(ConfigError, match=r"got 'xyz'\.$"):
        one_of("xyz", ["maml", "reptile"], "algorithm")


RECIPES = [
    f"{method}-omniglot-{ways}w{shots}s" for method in ("maml", "mann", "leo") for ways in range(20) for shots in (1, 5)
]


def test_a_long_list_of_names_is_left_to_its_command() -> None:
    with pytest.raises(ConfigError) as caught:
        one_of("leo-omniglot", RECIPES, "recipe")
    assert str(caught.value) == (
        "tokay: there is no recipe 'leo-omniglot'. Did you mean leo-omniglot-0w1s, leo-omniglot-0w5s, leo-omniglot-1w1s, ...? "
        "tokay list recipes shows all."
    )
    with pytest.raises(ConfigError, match=r"there is no recipe 'xyz'\. tokay list recipes shows all\.$"):
        one_of("xyz", RECIPES, "recipe")


def test_names_that_begin_with_the_word_come_first() -> None:
    assert suggestion("maml", ["anil", "mann", "maml-a", "maml-b"]) == " Did you mean maml-a, maml-b?"
    assert suggestion("man", ["maml", "mann"]) == " Did you mean mann?"
    for word in ("", "--", "xyz"):
        assert suggestion(word, ["maml", "--shots"]) == ""
