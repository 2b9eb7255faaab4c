"""The threshold keeps the stated rate on the tasks that it is chosen on."""

import pytest
import torch
from hypothesis import given, strategies

from tokay import ConfigError
from tokay.evaluation.open_set_scores import OpenSetScores
from tokay.evaluation.rejection import Rejection, check_rate


def rejection(rate: float, members: torch.Tensor, strangers: torch.Tensor) -> Rejection:
    scores = OpenSetScores(known_scores=members, unknown_scores=strangers, known_ways=5, unknown_ways=4, shots=2)
    return Rejection(rate=rate, scores=scores)


@given(
    strategies.floats(0.001, 0.999),
    strategies.lists(strategies.sampled_from([0.0, 1.0, 2.0, 3.5, 7.0]), min_size=1, max_size=30),
)
def test_no_more_are_accepted_than_stated(rate: float, strangers: list[float]) -> None:
    scores = torch.tensor([strangers])
    rule = rejection(rate, scores, scores)
    accepted = sum(score > rule.threshold for score in strangers) / len(strangers)
    assert accepted <= rate
    assert rule.false_accept == pytest.approx(accepted)
    assert rule.false_reject == pytest.approx(1 - accepted)
    lower = [score for score in strangers if score < rule.threshold]
    if lower:  # the next lower threshold accepts too many
        assert sum(score > max(lower) for score in strangers) / len(strangers) > rate


def test_rates_and_words() -> None:
    members, strangers = torch.arange(10.0)[None] + 5, torch.arange(10.0)[None]
    rule = rejection(0.2, members, strangers)
    assert (rule.threshold, rule.false_accept, rule.false_reject) == (7.0, 0.2, 0.3)
    assert rule.accepts(torch.tensor([6.0, 7.0, 7.5])).tolist() == [False, False, True]
    assert "20.0 % of the others are accepted and 30.0 % of the classes' own queries rejected" in rule.describe()
    assert rule.with_rate(0.5).threshold == 4.0


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_rates_that_cannot_be(rate: float) -> None:
    with pytest.raises(ConfigError, match="must be above 0 and below 1"):
        check_rate(rate, "reject")
    with pytest.raises(ConfigError, match=r"0\.05 is usual"):
        rejection(rate, torch.zeros(1, 1), torch.zeros(1, 1))
