"""Whether a classifier is as often right as it is sure."""

import torch
from torch import Tensor


def expected_calibration_error(confidence: Tensor, hit: Tensor, bins: int = 15) -> Tensor:
    """Σ_b |b| / n · | mean hit in b - mean confidence in b | over bins of equal width (Guo et al., 2017, arXiv:1706.04599).

    ``confidence`` ``[n]`` is the probability of the answer given, in [0, 1], and ``hit`` ``[n]`` whether it was right
    (or 0 and 1). Bin b of B holds ((b-1)/B, b/B], the first one 0 too. A scalar from 0, calibrated, to 1; NaN of none.

    >>> round(expected_calibration_error(torch.tensor([0.9, 0.9, 0.9, 0.9]), torch.tensor([1, 1, 1, 0])).item(), 4)
    0.15
    """
    confidence = confidence.double()  # sums over very many answers
    edges = torch.arange(1, bins, dtype=torch.float64, device=confidence.device) / bins
    index = torch.bucketize(confidence, edges)
    gaps = torch.zeros(bins, dtype=torch.float64, device=confidence.device)
    return gaps.index_add(0, index, hit.double() - confidence).abs().sum() / len(confidence)
