"""Every check starts from the same random state, and leaves torch as it was."""

from collections.abc import Iterator

import pytest

from .torch_state import unchanged_torch


@pytest.fixture(autouse=True)
def _unchanged_torch() -> Iterator[None]:
    with unchanged_torch():
        yield
