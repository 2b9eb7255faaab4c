"""Examples and classes that come and go after ``fit``."""

import copy
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..core.engine.private_copy import evaluation_copy
from ..core.seeding import derive_seed
from ..core.task import Examples, one_hot
from ..errors import TaskError
from ..evaluation.batch_dependence import answers_differ
from .inputs import explained_indices, read_inputs
from .labels import read_labels
from .many_supports import adapt_one
from .predictor import Predictor

_KINDS = {"u": "i", "O": "U"}  # whole numbers are of one kind, and so are texts


class ClassChanges(Predictor):
    """The part of a `Learner` that adds and removes examples and classes."""

    seed: int

    @abstractmethod
    def fit(self, x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> Self:
        """Adapt to the support examples."""

    def add(self, x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> Self:
        """Learn more examples, of old or new classes: afterwards the learner answers as after ``fit`` to all of them.

        A method whose state is the mean of each class (protonet, simpleshot: ``Algorithm.class_means``) updates the means of
        the classes in ``y``; the other examples go through the network no more. That needs a network that embeds each
        example by itself, as with ``--norm running`` or without batch norm. Otherwise, and for all other methods, this is
        ``fit`` to all examples, which are kept: it takes as long as that.

        Raises ``TaskError``, and changes nothing, if nothing was learned before, or as ``fit`` does.
        """
        self._require_fitted("add")
        inputs = read_inputs(x, self.net, self.x_type)
        if inputs.shape[1:] != self.support.x.shape[1:]:
            raise TaskError(
                f"add: inputs must have shape {tuple(self.support.x.shape[1:])} as in fit, got {tuple(inputs.shape[1:])}."
            )
        labels = read_labels(y, is_regression=self.kind_ == "regression")
        if not len(labels) or len(labels) != len(inputs):
            raise TaskError(f"add: x and y must have one row per example, got {len(inputs)} and {len(labels)}.")
        previous = self._targets()
        if labels.shape[1:] != previous.shape[1:] or _kind(labels) != _kind(previous):
            raise TaskError(
                f"add: y must be like that of fit, {previous.dtype} {previous.shape[1:]}, got {labels.dtype} "
                f"{labels.shape[1:]}. Convert it."
            )
        net = evaluation_copy(self.net)
        if not self._has_separate_classes(net):
            return self._fit_again(torch.cat([self.support.x, inputs]), np.concatenate([previous, labels]))
        return self._add_to_state(net, inputs, previous, labels)

    def remove(self, label: Any) -> Self:
        """Forget a class and its examples: afterwards the learner answers as after ``fit`` to the others.

        It takes no adaptation where ``add`` takes none. Raises ``TaskError``, and changes nothing, if there is no such
        class, if fewer than two are left, for real targets, and for a method with a fixed number of classes.
        """
        self._require_fitted("remove")
        if self.kind_ == "regression":
            raise TaskError("remove: real targets have no classes. Call fit with the examples that shall stay.")
        is_class = np.array([other == label for other in self.classes_.tolist()])
        if not is_class.any():
            names = " ".join(map(str, self.classes_.tolist()[:20]))
            raise TaskError(f"remove: there is no class {label!r}, only {names}. Give one of them.")
        if len(self.classes_) < 3:
            raise TaskError("remove: two classes must be left, there are only two. Call fit with other examples.")
        index = torch.from_numpy(~is_class).nonzero()[:, 0].to(self.support.x.device)  # the classes that stay
        stays = self.support.y[:, index].any(-1)
        if not self._has_separate_classes(evaluation_copy(self.net)):
            return self._fit_again(self.support.x[stays], self._targets()[stays.cpu().numpy()])
        self.state_, self.classes_ = self.state_[index], self.classes_[~is_class]
        self._set_support(Examples(self.support.x[stays], self.support.y[stays][:, index]))
        return self

    def _require_fitted(self, what: str) -> None:
        if not self.is_fitted:
            raise TaskError(f"{what}: nothing has been learned yet. Call fit with the support examples first.")

    def _targets(self) -> NDArray[Any]:
        """The targets of the support set, as the user gave them."""
        y = self.support.y.cpu()
        if self.kind_ == "classification":
            return np.asarray(self.classes_[y.int().argmax(-1).numpy()])
        return np.asarray(y[:, 0].numpy() if self.is_flat else y.numpy())

    def _adapt(self, net: nn.Module, support: Examples) -> Any:
        with explained_indices(support.x):
            return adapt_one(self.algorithm.at_test(), net, support, derive_seed(self.seed, "learner"))

    def _has_separate_classes(self, net: nn.Module) -> bool:
        """Whether the state of a class depends on its own examples alone. Compares that of the smallest class."""
        if not self.algorithm.class_means:
            return False
        smallest = int(self.support.y.sum(0).argmin())
        rows = self.support.y[:, smallest]
        state = self._adapt(net, Examples(self.support.x[rows], self.support.y[rows][:, [smallest]]))
        return not answers_differ(state[0], self.state_[smallest])

    def _add_to_state(self, net: nn.Module, inputs: Tensor, previous: NDArray[Any], labels: NDArray[Any]) -> Self:
        classes, index = np.unique(np.concatenate([previous, labels]), return_inverse=True)
        y = one_hot(torch.from_numpy(index), len(classes)).to(inputs.device)
        new_y = y[len(previous) :]
        is_new = new_y.any(0)
        new_state = self._adapt(net, Examples(inputs, new_y[:, is_new]))  # of the classes in ``labels`` alone
        is_old = torch.from_numpy(np.isin(classes, self.classes_)).to(inputs.device)
        state = new_state.new_zeros(len(classes), new_state.shape[1])
        state[is_old] = self.state_
        share = (new_y.sum(0) / y.sum(0)).to(state.dtype)[is_new, None]  # of the new examples in their classes
        state[is_new] = (1 - share) * state[is_new] + share * new_state
        self.state_, self.classes_ = state, classes
        self._set_support(Examples(torch.cat([self.support.x, inputs]), y))
        return self

    def _set_support(self, support: Examples) -> None:
        """Keep other examples."""
        self.support = support
        if self._protocol is not None:  # statistics of the support set, if any, must be found anew
            self._protocol = None if self._protocol.mixes_queries else replace(self._protocol, support_x=support.x)

    def _fit_again(self, x: Tensor, labels: NDArray[Any]) -> Self:
        """``fit``, which changes nothing if it fails."""
        trial = copy.copy(self)
        trial.fit(x, labels)
        self.__dict__.update(trial.__dict__)
        return self


def _kind(labels: NDArray[Any]) -> str:
    return _KINDS.get(labels.dtype.kind, labels.dtype.kind)
