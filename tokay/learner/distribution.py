"""The spread of predictions, with the same interface as the predictions."""

from typing import Any

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..errors import TaskError


class DistributionAsOutputs:
    """A method whose outputs are mean and standard deviation side by side: ``[m, 2 d]``. Only ``predict`` works."""

    def __init__(self, algorithm: Algorithm[Any]) -> None:
        self._algorithm = algorithm

    def predict(self, net: nn.Module, state: Any, x: Tensor) -> Tensor:
        """Mean and standard deviation ``[m, 2 d]``. Raises ``TaskError`` if the method has no spread."""
        distribution = self._algorithm.distribution(net, state, x)
        if distribution is None:
            raise TaskError(
                f"predict_distribution: {self._algorithm.name} gives no spread for its predictions. Use predict or "
                "predict_proba, or a method such as cnp, np, anp or abml (for classes abml or versa)."
            )
        return torch.cat(distribution, -1)
