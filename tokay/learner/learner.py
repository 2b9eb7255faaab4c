"""Fit, predict, score: any method on your own arrays, with the interface of scikit-learn."""

import threading
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.exact_gradients import exact_gradients
from ..core.engine.private_copy import evaluation_copy
from ..core.network import check_statistics, feature_size
from ..core.predictions import check_compatible, predict_queries
from ..core.seeding import derive_seed
from ..core.task import Examples, InputType, Kind, TaskSpec, one_hot
from ..errors import TaskError
from ..evaluation.batch_dependence import is_small_batch
from .distribution import DistributionAsOutputs
from .estimator_protocol import EstimatorProtocol
from .inputs import explained_indices, read_inputs
from .labels import read_labels
from .query_protocol import query_protocol


class SmallBatchWarning(UserWarning):
    """Answers depend on each other, and there are few of them."""


_RANDOM_STATE = threading.Lock()  # torch has one random state for all threads


class Learner(EstimatorProtocol):
    """A method and its (meta-trained) network, ready for one task at a time.

    ``fit`` adapts to a handful of examples, always from the same start: a second ``fit`` forgets the first task.
    Labels are integers, strings or booleans (classes) or floats (real targets). For classes, ``y`` is ``[n]``.
    Inputs are arrays or tensors ``[n, *x_shape]``. Bytes (uint8 pictures) are scaled to [0, 1].

    An answer does not depend on the other queries: batch norm uses the statistics of the support set (see
    ``query_protocol``). With ``inductive=False`` all queries are answered together, as in most published figures. With
    batch norm that needs many queries: fewer than support examples give a warning. A single query is always answered inductively.

    Dropout is off. Any number of threads may share a learner or a network, as long as none of them trains it.

    ``x_shape`` is the shape of an input in training; ``fit`` refuses others. With ``x_type="integer"`` inputs stay integers,
    for a network that begins with an ``nn.Embedding``. ``recipe`` says how ``save`` builds the network again. ``load`` sets
    all three.

    After ``fit``: ``classes_`` (classes only), ``state_`` (what it learned), ``kind_`` and ``support`` (the examples).

    >>> import tokay
    >>> learner = Learner(tokay.ProtoNet(), nn.Flatten())
    >>> learner.fit([[0.0, 0.0], [1.0, 1.0]], ["low", "high"]).predict([[0.9, 0.8], [0.1, 0.0]]).tolist()
    ['high', 'low']
    """

    def __init__(
        self,
        algorithm: Algorithm[Any],
        net: nn.Module,
        *,
        inductive: bool = True,
        seed: int = 0,
        x_shape: tuple[int, ...] | None = None,
        x_type: InputType = "float",
        recipe: dict[str, Any] | None = None,
    ) -> None:
        self.algorithm = algorithm
        self.net = net
        self.inductive = inductive
        self.seed = seed
        self.x_shape = x_shape
        self.x_type: InputType = x_type
        self.recipe = recipe

    def fit(self, x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> Self:
        """Adapt to the support examples. Raises ``TaskError`` for NaN, lengths or labels that do not fit."""
        for name in ("state_", "classes_"):  # a fit that fails must not leave old answers under new labels
            self.__dict__.pop(name, None)
        inputs = read_inputs(x, self.net, self.x_type)
        if self.x_shape is not None and tuple(inputs.shape[1:]) != self.x_shape:
            raise TaskError(
                f"fit: inputs must have shape {self.x_shape}, as in training, got {tuple(inputs.shape[1:])}. "
                "Resize or reorder them."
            )
        labels = read_labels(y, is_regression="classification" not in self.algorithm.takes())
        if len(labels) != len(inputs):
            raise TaskError(f"fit: x and y must have one row per example, got {len(inputs)} and {len(labels)}.")
        if not len(labels):
            raise TaskError("fit: the support set must not be empty, got 0 examples. Give at least one per class.")
        self.kind_: Kind = "regression" if labels.dtype.kind == "f" else "classification"
        if self.kind_ not in self.algorithm.takes():
            raise TaskError(
                f"fit: {self.algorithm.name} learns {self.algorithm.takes()[0]}, got targets of type {labels.dtype}. "
                "Give integer or string labels for classes."
            )
        targets = self._classes(labels) if self.kind_ == "classification" else self._values(labels)
        spec = TaskSpec(x_shape=tuple(inputs.shape[1:]), y_dim=targets.shape[1], kind=self.kind_, x_type=self.x_type)
        if self.kind_ == "classification" and not self.algorithm.any_ways:
            self._require_ways(spec)
        check_statistics(self.net, where="fit")
        net = evaluation_copy(self.net)
        check_compatible(self.algorithm, net, spec, where="fit")
        self.support = Examples(inputs, targets.to(inputs.device))
        with _RANDOM_STATE, torch.no_grad(), torch.random.fork_rng(), exact_gradients(), explained_indices(inputs):
            torch.manual_seed(derive_seed(self.seed, "learner"))
            self.state_ = self.algorithm.at_test().adapt(net, self.support)
        with explained_indices(inputs):
            self.remember_support(net)
        return self

    def remember_support(self, net: nn.Module | None = None) -> None:
        """Keep what later predictions need of the support set. ``fit`` and ``load`` call it."""
        net = evaluation_copy(self.net) if net is None else net
        self._protocol = query_protocol(self.algorithm.at_test(), net, self.state_, self.support.x)

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

    @property
    def is_fitted(self) -> bool:
        """Whether it has learned a task."""
        return hasattr(self, "state_")

    def _classes(self, labels: NDArray[Any]) -> Tensor:
        if labels.ndim != 1:
            raise TaskError(
                f"fit: labels of classes must be [n], got shape {labels.shape}. Give one label per example."
            )
        self.classes_, index = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise TaskError(f"fit: there must be at least two classes, got only {self.classes_.tolist()[0]!r}.")
        return one_hot(torch.from_numpy(index), len(self.classes_))

    def _require_ways(self, spec: TaskSpec) -> None:
        ways = feature_size(self.net, spec)
        if ways == 1:
            raise TaskError("fit: the network has one output, for real targets, got class labels. Give y as floats.")
        if ways != spec.y_dim:
            labels = " ".join(map(str, self.classes_.tolist()[:20]))
            raise TaskError(
                f"fit: {self.algorithm.name} was trained to tell {ways} classes apart, the labels have {spec.y_dim} "
                f"({labels}). Give examples of {ways} classes, or train it on {spec.y_dim} ways."
            )

    def _values(self, targets: NDArray[Any]) -> Tensor:
        if not np.isfinite(targets).all():
            raise TaskError(
                f"fit: {int((~np.isfinite(targets)).sum())} of the targets are NaN or infinite. Clean them."
            )
        self.is_flat = targets.ndim == 1
        reference = next(self.net.parameters(), torch.zeros(()))
        return torch.from_numpy(targets.reshape(len(targets), -1)).to(reference.dtype)

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
        if self.inductive or len(inputs) == 1:  # statistics of a single example say nothing
            with explained_indices(inputs):
                return self._protocol.predict(algorithm, net, self.state_, inputs)
        if self._protocol.mixes_queries and is_small_batch(len(inputs), len(self.support.x)):
            warnings.warn(
                f"predict: each answer depends on all {len(inputs)} inputs of this call, which are few beside the "
                f"{len(self.support.x)} support examples. Ask for more at once, or build the learner with inductive=True.",
                SmallBatchWarning,
                stacklevel=3,
            )
        with torch.no_grad(), exact_gradients(), explained_indices(inputs):
            return predict_queries(algorithm, net, self.state_, self.support.x, inputs, inductive=False)
