"""The scores of open tasks, as they are measured and kept: large for queries of the classes of a support set."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .auroc import auroc
from .scores import Score


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenSetScores:
    """The scores of the queries of open tasks."""

    known_scores: Tensor  # [tasks, m], queries of classes of the support set
    unknown_scores: Tensor  # [tasks, k], queries of other classes
    known_ways: int
    unknown_ways: int
    shots: int

    @property
    def auroc(self) -> Score:
        """The mean over tasks of the area under the ROC curve, with its 95% interval."""
        pairs = zip(self.known_scores, self.unknown_scores, strict=True)
        return Score.of(torch.stack([auroc(known_scores, unknown_scores) for known_scores, unknown_scores in pairs]))
