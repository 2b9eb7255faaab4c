import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# A first example may load half of torch, and a machine may have other things to do: no time limit for single ones.
settings.register_profile("tokay", deadline=None)
settings.load_profile("tokay")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded copies of data go to a folder that goes away, unless the caller has one."""
    if "TOKAY_CACHE" in os.environ:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    """Draws of one test are those of the test alone; a test that leaves torch in another state fails."""
    before = _settings()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    after = _settings()
    torch.set_default_dtype(before["default dtype"])
    torch.set_num_threads(before["threads"])
    torch.set_grad_enabled(before["gradients"])
    torch.backends.mha.set_fastpath_enabled(before["transformer fast path"])
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert not changed, f"the test left torch changed: {changed}"


def _settings() -> dict[str, object]:
    return {
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "transformer fast path": torch.backends.mha.get_fastpath_enabled(),
        "modes": len(torch.overrides._get_current_function_mode_stack()),
    }


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parent.parent
