"""Predictions of a learner that has adapted to a task: classes, probabilities, values and their spread."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.exact_gradients import exact_gradients
from ..core.engine.private_copy import evaluation_copy
from ..core.predictions import predict_queries
from ..core.task import Examples, InputType, Kind
from ..errors import TaskError
from ..evaluation.batch_dependence import is_small_batch
from ..evaluation.rejection import Rejection
from .distribution import DistributionAsOutputs
from .inputs import explained_indices, read_inputs
from .query_protocol import QueryProtocol, query_protocol


class SmallBatchWarning(UserWarning):
    """Answers depend on each other, and there are few of them."""


class Predictor:
    """The part of a `Learner` that predicts. ``fit`` sets what it needs."""

    algorithm: Algorithm[Any]
    net: nn.Module
    inductive: bool
    x_type: InputType
    kind_: Kind
    classes_: NDArray[Any]  # [classes], sorted; classes only
    is_flat: bool  # whether y of fit was [n]; real targets only
    state_: Any
    support: Examples
    rejection: Rejection | None
    _protocol: QueryProtocol | None  # None: the first prediction finds it out

    @property
    def is_fitted(self) -> bool:
        """Whether it has learned a task."""
        return hasattr(self, "state_")

    def remember_support(self, net: nn.Module | None = None) -> QueryProtocol:
        """Keep what later predictions need of the support set. ``fit`` and ``load`` call it."""
        net = evaluation_copy(self.net) if net is None else net
        with explained_indices(self.support.x):
            protocol = query_protocol(self.algorithm.at_test(), net, self.state_, self.support.x)
        self._protocol = protocol
        return protocol

    def predict(self, x: ArrayLike | Tensor) -> NDArray[Any]:
        """The class of each input ``[m]``, as in ``y`` of ``fit``; or its values, shaped like ``y``."""
        outputs = self._outputs(x)
        if self.kind_ == "classification":
            return np.asarray(self.classes_[outputs.argmax(-1).cpu().numpy()])
        return np.asarray(outputs[:, 0].cpu().numpy() if self.is_flat else outputs.cpu().numpy())

    def predict_proba(self, x: ArrayLike | Tensor) -> NDArray[Any]:
        """Probabilities ``[m, classes]``, columns in the order of ``classes_``."""
        return np.asarray(self._class_scores(x).softmax(-1).cpu().numpy())

    def predict_logits(self, x: ArrayLike | Tensor) -> NDArray[Any]:
        """Scores of the classes ``[m, classes]``, columns in the order of ``classes_``: their softmax is ``predict_proba``."""
        return np.asarray(self._class_scores(x).cpu().numpy())

    def predict_is_known(self, x: ArrayLike | Tensor) -> NDArray[Any]:
        """Whether each input is of one of the classes, boolean ``[m]``: whether its largest logit is above the threshold.

        Raises ``TaskError`` without ``rejection``, which holds the threshold.
        """
        if self.rejection is None:
            raise TaskError(
                "predict_is_known: no threshold has been chosen. Make the learner with tokay.adapt(run, support, reject=0.05)."
            )
        return np.asarray(self.rejection.accepts(self._class_scores(x).amax(-1)).cpu().numpy())

    def predict_distribution(self, x: ArrayLike | Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and standard deviation of each prediction, for a method that has a spread (``Algorithm.distribution``).

        For real targets, both are shaped like ``predict``. For classes, both are ``[m, classes]``: the probabilities of
        ``predict_proba``, and how much they differ between the draws of the method. Raises ``TaskError`` for any other
        method.
        """
        outputs = self._outputs(x, DistributionAsOutputs)
        mean, std = (part.cpu().numpy() for part in outputs.chunk(2, -1))
        return (mean[:, 0], std[:, 0]) if self.kind_ == "regression" and self.is_flat else (mean, std)

    def score(self, x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> float:
        """Accuracy for classes, R² for real targets: as in scikit-learn, 1 is perfect."""
        targets = np.asarray(y.cpu() if isinstance(y, Tensor) else y)
        predictions = self.predict(x)
        if predictions.shape != targets.shape:
            raise TaskError(f"score: y must have shape {predictions.shape}, got {targets.shape}.")
        if self.kind_ == "classification":
            return float((predictions == targets).mean())
        return float(1 - ((targets - predictions) ** 2).sum() / ((targets - targets.mean(0)) ** 2).sum())

    def _class_scores(self, x: ArrayLike | Tensor) -> Tensor:
        outputs = self._outputs(x)
        if self.kind_ == "regression":
            raise TaskError("predict_proba: real targets have no class probabilities. Use predict.")
        return outputs

    def _outputs(self, x: ArrayLike | Tensor, view: Callable[[Algorithm[Any]], Any] = lambda method: method) -> Tensor:
        """The outputs of the method for each input ``[m, d]``; ``view`` makes another predictor of the method."""
        if not self.is_fitted:
            raise TaskError("predict: nothing has been learned yet. Call fit with the support examples first.")
        inputs = read_inputs(x, self.net, self.x_type)
        if inputs.shape[1:] != self.support.x.shape[1:]:
            raise TaskError(
                f"predict: inputs must have shape {tuple(self.support.x.shape[1:])} as in fit, "
                f"got {tuple(inputs.shape[1:])}."
            )
        net, algorithm = evaluation_copy(self.net), view(self.algorithm.at_test())
        protocol = self._protocol or self.remember_support(net)  # ``fit_many`` leaves it to the first prediction
        if self.inductive or len(inputs) == 1:  # statistics of a single example say nothing
            with explained_indices(inputs):
                return protocol.predict(algorithm, net, self.state_, inputs)
        if protocol.mixes_queries and is_small_batch(len(inputs), len(self.support.x)):
            warnings.warn(
                f"predict: each answer depends on all {len(inputs)} inputs of this call, which are few beside the "
                f"{len(self.support.x)} support examples. Ask for more at once, or build the learner with inductive=True.",
                SmallBatchWarning,
                stacklevel=3,
            )
        with torch.no_grad(), exact_gradients(), explained_indices(inputs):
            return predict_queries(algorithm, net, self.state_, self.support.x, inputs, inductive=False)
