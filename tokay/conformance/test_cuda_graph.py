"""Every registered algorithm replayed from a CUDA graph, against the ordinary call; on a machine that has a CUDA device."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tokay import Task
from tokay.core.engine.batching import to_device
from tokay.core.engine.cuda_graph import GraphedFunction
from tokay.core.engine.meta_gradient import accumulate_meta_gradient

from .helpers import Case, each_case, each_norm, excused


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each_norm
@each_case
def test_recorded(case: Case, norm: str) -> None:
    """Costs, metrics and meta-gradients of a replay on new tasks, which it was not recorded with."""
    if not case.algorithm.learns:
        pytest.skip("has nothing to record")
    net, device = case.build(norm).cuda(), torch.device("cuda")

    def ordinary(kind: Any, tasks: Task) -> tuple[Tensor, Any]:
        net.zero_grad()
        return accumulate_meta_gradient(kind, net, tasks)

    recorded = GraphedFunction(ordinary, net.parameters(), where=case.algorithm.name)
    with excused(case.algorithm, "recorded", case.variant):
        for _ in range(3):
            tasks = to_device(case.tasks(norm), device)
            values = [tensor.clone() for tensor in _flat(recorded(case.algorithm, tasks))]
            replayed = [*values, *_gradients(net)]
            expected = [*_flat(ordinary(case.algorithm, tasks)), *_gradients(net)]
            torch.testing.assert_close(replayed, expected, rtol=1e-8, atol=1e-9)


def _flat(result: tuple[Tensor, Any]) -> list[Tensor]:
    return [result[0], *result[1].values()]


def _gradients(net: torch.nn.Module) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in net.parameters()]
