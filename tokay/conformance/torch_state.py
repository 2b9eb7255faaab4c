"""A check must leave torch as it found it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def unchanged_torch() -> Iterator[None]:
    """Around a test: draws inside start from one seed; an ``AssertionError`` names what the test left changed in torch."""
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
    assert not changes, f"the test left torch changed: {changes}"


def _settings() -> dict[str, Any]:
    return {
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "transformer fast path": torch.backends.mha.get_fastpath_enabled(),
        "modes": len(torch.overrides._get_current_function_mode_stack()),  # type: ignore[no-untyped-call]
    }
