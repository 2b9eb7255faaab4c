"""Names that a user types."""

import pytest

from tokay.cli.suggestions import one_of
from tokay.errors import ConfigError


def test_one_of() -> None:
    assert one_of("maml", ["maml", "reptile"], "algorithm") == "maml"
    with pytest.raises(
        ConfigError, match=r"the algorithm must be one of maml, reptile, got 'mam'. Did you mean maml\?"
    ):
        one_of("mam", ["maml", "reptile"], "algorithm")
    with pytest.raises(ConfigError, match=r"got 'xyz'\.$"):
        one_of("xyz", ["maml", "reptile"], "algorithm")
