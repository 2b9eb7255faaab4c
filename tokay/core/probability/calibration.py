"""Calibration: does a classifier that is 90 % confident get 90 % of its answers right?"""

import torch
from torch import Tensor


def expected_calibration_error(confidence: Tensor, hit: Tensor, bins: int = 15) -> Tensor:
    """Expected calibration error over ``bins`` bins of equal width (Guo et al., 2017, arXiv:1706.04599).

        Σ_b |b| / n · | mean hit in b - mean confidence in b |

    ``confidence`` ``[n]`` holds the probability of each prediction, in [0, 1]. ``hit`` ``[n]`` says whether each
    prediction is right (boolean, or 0 and 1). Bin b of B covers ((b-1)/B, b/B]; the first bin also contains 0.
    Returns a scalar from 0 (calibrated) to 1, or NaN if ``n`` is 0.

    >>> round(expected_calibration_error(torch.tensor([0.9, 0.9, 0.9, 0.9]), torch.tensor([1, 1, 1, 0])).item(), 4)
    0.15
    """
    confidence = confidence.double()  # exact enough to sum very many predictions
    edges = torch.arange(1, bins, dtype=torch.float64, device=confidence.device) / bins
    index = torch.bucketize(confidence, edges)
    gaps = torch.zeros(bins, dtype=torch.float64, device=confidence.device)
    return gaps.index_add(0, index, hit.double() - confidence).abs().sum() / len(confidence)
