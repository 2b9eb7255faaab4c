"""Fit, predict, score: any method on your own arrays, with the interface of scikit-learn."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.private_copy import evaluation_copy
from ..core.network import check_statistics, feature_size
from ..core.predictions import check_compatible
from ..core.seeding import derive_seed
from ..core.task import Examples, InputType, Kind, TaskSpec, one_hot
from ..errors import TaskError, TokayError
from ..evaluation.rejection import Rejection
from .class_changes import ClassChanges
from .estimator_protocol import EstimatorProtocol
from .file_rows import Reader
from .inputs import explained_indices, read_inputs
from .labels import read_labels
from .many_supports import adapt_many, adapt_one
from .predictor import SmallBatchWarning as SmallBatchWarning


class Learner(ClassChanges, EstimatorProtocol):
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

    ``add`` and ``remove`` change the classes after ``fit``, ``fit_many`` adapts to many small tasks at once.

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
        # ``tokay.adapt`` and ``load`` set these two.
        self.reader: Reader | None = None  # how files become inputs
        self.rejection: Rejection | None = None  # which inputs are of none of the classes

    def fit(self, x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> Self:
        """Adapt to the support examples. Raises ``TaskError`` for NaN, lengths or labels that do not fit."""
        net = self._read_support(x, y)
        with explained_indices(self.support.x):
            self.state_ = adapt_one(self.algorithm.at_test(), net, self.support, derive_seed(self.seed, "learner"))
        self.remember_support(net)
        return self

    def fit_many(self, contexts: Iterable[tuple[ArrayLike | Tensor, ArrayLike | Tensor]]) -> list[Self]:
        """A learner for each of ``contexts``, pairs of x and y. They equal those of ``fit``, one by one, up to rounding.

        Support sets of one size are adapted to at once, which is faster for many small ones. The learner itself learns
        nothing. Raises ``TaskError`` as ``fit`` does, with the number of the context.
        """
        net = evaluation_copy(self.net)
        learners = []
        for index, (x, y) in enumerate(contexts):
            learner = self.__sklearn_clone__()
            try:
                learner._read_support(x, y, net)
            except TokayError as error:
                raise type(error)(f"fit_many: context {index}: {error}") from error
            learners.append(learner)
        supports = [learner.support for learner in learners]
        states = adapt_many(self.algorithm.at_test(), net, supports, derive_seed(self.seed, "learner"))
        for learner, state in zip(learners, states, strict=True):
            learner.state_, learner._protocol = state, None
        return learners

    def __sklearn_clone__(self) -> Self:
        """The same settings without what was learned of a task. The network is shared: ``fit`` never changes it."""
        learner = super().__sklearn_clone__()
        learner.reader, learner.rejection = self.reader, self.rejection
        return learner

    def _read_support(self, x: ArrayLike | Tensor, y: ArrayLike | Tensor, net: nn.Module | None = None) -> nn.Module:
        """Check the examples and keep them. Returns the network in evaluation mode (``net``, if it is given)."""
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
        net = evaluation_copy(self.net) if net is None else net
        check_compatible(self.algorithm, net, spec, where="fit")
        self.support = Examples(inputs, targets.to(inputs.device))
        return net

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
        return torch.tensor(targets.reshape(len(targets), -1), dtype=reference.dtype)  # a copy: pandas lends its memory
