import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

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
def _restore_torch() -> Iterator[None]:
    """Seed each test, and fail a test that changes global settings of torch."""
    initial = _settings()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    final = _settings()
    torch.set_default_dtype(initial["default dtype"])
    torch.set_num_threads(initial["threads"])
    torch.set_grad_enabled(initial["gradients"])
    torch.backends.mha.set_fastpath_enabled(initial["transformer fast path"])
    changes = {name: (initial[name], final[name]) for name in initial if initial[name] != final[name]}
    assert not changes, f"the test changes settings of torch: {changes}"


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
