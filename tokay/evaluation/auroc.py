"""The area under the ROC curve: how well a score tells queries of the support classes from queries of other classes."""

import torch
from torch import Tensor


def auroc(known_scores: Tensor, unknown_scores: Tensor) -> Tensor:
    """The probability that a score of ``known_scores`` ``[n]`` is above one of ``unknown_scores`` ``[m]``. Ties count half.

    1: they are told apart; 0.5: the score says nothing. A scalar in double precision.

    >>> float(auroc(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 0.0])))
    0.875
    """
    order = unknown_scores.double().sort().values
    scores = known_scores.double()
    smaller = torch.searchsorted(order, scores, right=False)  # [n], how many of the others are smaller
    not_larger = torch.searchsorted(order, scores, right=True)
    return (smaller + not_larger).double().mean() / (2 * len(order))
