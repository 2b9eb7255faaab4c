"""How uncertain a classifier is of its own answers, whatever the right ones are."""

import torch
import torch.nn.functional as F
from torch import Tensor


def entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over examples of H(p) = -Σ_k p_k log p_k with p = softmax(logits) ``[n, ways]``, in nats.

    Of ``y``, boolean one-hot, only which rows are padding (all false) is looked at.

    >>> entropy(torch.zeros(2, 4), torch.eye(4, dtype=torch.bool)[:2])  # log 4
    tensor(1.3863)
    """
    logs = F.log_softmax(logits, -1)
    real = y.any(-1)
    return torch.where(real, -(logs.exp() * logs).sum(-1), 0).sum() / real.sum()
