"""AUROC against a count of all pairs."""

import pytest
import torch
from hypothesis import given, strategies

from tokay.evaluation.auroc import auroc

scores = strategies.lists(strategies.sampled_from([-1e30, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=12)


@given(scores, scores)
def test_it_counts_pairs(members: list[float], strangers: list[float]) -> None:
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in members for b in strangers]
    value = float(auroc(torch.tensor(members), torch.tensor(strangers)))
    assert value == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_random_scores() -> None:
    generator = torch.Generator().manual_seed(0)
    members, strangers = (torch.randn(n, generator=generator) + shift for n, shift in ((40, 1.0), (70, 0.0)))
    pairs = (members[:, None] > strangers[None]).double().mean()
    torch.testing.assert_close(auroc(members, strangers), pairs, rtol=0, atol=1e-12)
    assert float(auroc(members, members)) == 0.5
    assert float(auroc(members + 100, strangers)) == 1.0
