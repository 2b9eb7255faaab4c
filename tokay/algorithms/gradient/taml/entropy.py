"""How uncertain a classifier is of its predictions, regardless of the true classes."""

import torch.nn.functional as F
from torch import Tensor

from ....core.objectives import mean_of_rows


def entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over examples of H(p) = -Σ_k p_k log p_k with p = softmax(logits) ``[n, ways]``, in nats.

    ``y`` is boolean one-hot. It only tells which rows are padding (all false); padding does not count.

    >>> entropy(torch.zeros(2, 4), torch.eye(4, dtype=torch.bool)[:2])  # log 4
    tensor(1.3863)
    """
    logs = F.log_softmax(logits, -1)
    return mean_of_rows(-(logs.exp() * logs).sum(-1), y)
