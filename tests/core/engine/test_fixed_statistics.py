"""Batch norm with the statistics of another batch, against the formula."""

import pytest
import torch
from torch import nn

from tokay import NetworkError
from tokay.core.engine.exact_gradients import exact_gradients
from tokay.core.engine.fixed_statistics import fixed_statistics, recorded_statistics


def by_hand(x: torch.Tensor, support: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    axes = [axis for axis in range(x.ndim) if axis != 1]
    shape = (1, -1, *(1,) * (x.ndim - 2))
    mean, variance = support.mean(axes).reshape(shape), support.var(axes, correction=0).reshape(shape)
    normed = (x - mean) / (variance + norm.eps).sqrt()
    return normed * norm.weight.reshape(shape) + norm.bias.reshape(shape)


@pytest.mark.parametrize("ndim", [2, 4])
@pytest.mark.parametrize("is_exact", [False, True])
@pytest.mark.parametrize("uses_torch_name", [False, True])
def test_against_the_formula(ndim: int, is_exact: bool, uses_torch_name: bool) -> None:
    norm = (nn.BatchNorm1d if ndim == 2 else nn.BatchNorm2d)(3, track_running_stats=False)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    shape = (5, 3) if ndim == 2 else (5, 3, 2, 2)
    support, queries = torch.randn(shape), torch.randn(shape)

    def call(x: torch.Tensor) -> torch.Tensor:
        if uses_torch_name:
            return torch.batch_norm(x, norm.weight, norm.bias, None, None, True, 0.1, norm.eps, False)
        return norm(x)

    def ask() -> torch.Tensor:
        with recorded_statistics() as statistics:
            torch.testing.assert_close(call(support), by_hand(support, support, norm))
        with fixed_statistics(statistics):
            return call(queries[:1])

    if is_exact:
        with exact_gradients():
            answer = ask()
    else:
        answer = ask()
    torch.testing.assert_close(answer, by_hand(queries[:1], support, norm))


def test_running_statistics_are_left_alone() -> None:
    norm = nn.BatchNorm1d(2).eval()
    with recorded_statistics() as statistics:
        norm(torch.randn(4, 2))
    assert statistics == []


def test_the_number_of_norms_must_agree() -> None:
    norm = nn.BatchNorm1d(2, track_running_stats=False)
    with recorded_statistics() as statistics:
        norm(torch.randn(4, 2))
    with pytest.raises(NetworkError, match="more batch norms"), fixed_statistics(statistics):
        norm(norm(torch.randn(4, 2)))
    with pytest.raises(NetworkError, match="fewer batch norms"), fixed_statistics(statistics):
        pass


def test_under_vmap_it_is_refused() -> None:
    norm = nn.BatchNorm1d(2, track_running_stats=False)
    with pytest.raises(NetworkError, match="under vmap"), recorded_statistics():
        torch.func.vmap(norm)(torch.randn(3, 4, 2))
