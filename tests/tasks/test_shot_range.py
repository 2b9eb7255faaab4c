"""Random numbers of support examples."""

import pytest
import torch

from tokay import ConfigError, Sizes
from tokay.tasks import Completion, GaussianProcess, Sinusoid
from tokay.tasks.shot_range import check_fewest, draw_shots, format_range


def test_every_number_is_as_likely() -> None:
    generator = torch.Generator().manual_seed(0)
    counts = torch.tensor([draw_shots(3, 10, generator) for _ in range(4000)]).bincount(minlength=12)
    assert counts[:3].sum() == counts[11:].sum() == 0
    assert int((counts[3:11] - 500).abs().max()) < 110  # five standard deviations


def test_no_range_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    assert draw_shots(None, 10, generator) == 10
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=torch.Generator().manual_seed(0)))


def test_what_is_no_range() -> None:
    for fewest in (0, 6):
        with pytest.raises(ConfigError, match=rf"^gp: fewest_shots must be from 1 to the 5 shots, got {fewest}"):
            check_fewest(fewest, 5, where="gp")
    for fine in (None, 1, 5):
        check_fewest(fine, 5, where="gp")


def test_a_range_is_named_as_one() -> None:
    ten = Sizes(shots=10)
    named = [
        source.describe_sizes(ten)
        for source in (Sinusoid(), GaussianProcess(), Completion(), GaussianProcess(fewest_shots=3))
    ]
    assert named == ["10-point", "10-point", "10-point", "3-to-10-point"]
    assert Completion(fewest_shots=2).describe_sizes(ten) == "2-to-10-point"
    assert format_range(10, 10) == "10-point"
