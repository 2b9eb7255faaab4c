import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tokay.conformance.torch_state import unchanged_torch

# No time limit per example: the first one loads a large part of torch, and the machine may be busy.
settings.register_profile("tokay", deadline=None)
settings.load_profile("tokay")


@pytest.fixture(scope="session", autouse=True)
def _temporary_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use a temporary folder for decoded data, unless TOKAY_CACHE is set."""
    if "TOKAY_CACHE" in os.environ:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _unchanged_torch() -> Iterator[None]:
    with unchanged_torch():
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parent.parent
