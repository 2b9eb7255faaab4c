"""``FewShotClassifier``: any method of Tokay as a classifier of scikit-learn."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from ..core.task import Kind
from ..errors import TaskError
from ..learner.inputs import read_inputs
from ..learner.labels import read_labels
from ..training.job import Backbone
from .estimator import FewShotEstimator
from .models import Model

_KINDS_OF_LABELS = {"u": "i", "O": "U"}  # whole numbers are of one kind, and so are texts


class FewShotClassifier(ClassifierMixin, FewShotEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A meta-trained classifier, adapted to ``X`` and ``y`` by ``fit``, with the interface of scikit-learn.

    ``model`` is a run folder ("runs/protonet"), a file of ``tokay.save``, a ``Learner``, or a method by its name or with
    its settings ("protonet", ``Scratch(test_steps=200)``). Default: ``protonet`` alone.

    **A method alone has no meta-training.** It is a baseline and no more: ``protonet`` is then the nearest class mean of
    the inputs themselves, ``matching`` a vote of all examples by their cosine, ``scratch`` and ``finetune`` a small
    network that is trained on your examples only, ``maml`` and its relatives a few gradient steps from random weights. A
    linear model of scikit-learn is often better. Methods in which the comparison itself is learned (``relation``,
    ``lstm``, ``leo``, ...) refuse.

    ``network`` is the backbone of a method alone: settings, a name ("mlp") or a module (default: none for methods that
    compare, else that of the method). ``device`` is where the model is loaded ("cuda"). ``random_state`` seeds the
    adaptation, and the weights of a method alone.

    ``X`` is ``[n, features]`` or ``[n, *x_shape]``, for pictures ``[n, C, H, W]``; rows of as many numbers are taken as
    pictures. A run on a table takes tables with its columns, as they are. ``y`` may be integers, strings, booleans or
    objects. Some methods (``maml``) have as many classes as in training, others any number. ``fit`` takes no
    ``sample_weight``, because no method reads weights: for class means and gradient steps, repeat a row instead.

    After ``fit``: ``classes_``, ``learner_``, ``X_support_``, ``y_support_``, ``n_features_in_``, ``feature_names_in_``.

    >>> classifier = FewShotClassifier("protonet").fit([[0.0, 0.1], [1.0, 0.9]], ["low", "high"])
    >>> classifier.predict([[0.8, 0.9]]).tolist(), classifier.classes_.tolist()
    (['high'], ['high', 'low'])
    >>> classifier.partial_fit([[9.0, 9.0]], ["huge"]).predict([[8.0, 9.0], [0.1, 0.0]]).tolist()
    ['huge', 'low']
    """

    kind: ClassVar[Kind] = "classification"
    default_model: ClassVar[Model] = "protonet"

    classes_: NDArray[Any]

    def __init__(
        self, model: Model | None = None, *, network: Backbone = None, device: str = "cpu", random_state: Any = 0
    ) -> None:
        self.model = model
        self.network = network
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Adapt to the examples; what was learned before is forgotten.

        Raises ``TaskError`` for NaN, missing labels, shapes or numbers of classes that do not fit the model, and
        ``ConfigError`` or ``DataError`` for a ``model`` that does not exist or is damaged.
        """
        return self._learn(X, y, None, is_first=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Adapt to these examples and those of earlier calls. New classes may come at any time.

        ``classes`` are labels that will come later: they have a column already, with probability 0. The examples are
        kept, so memory and time grow with their number. A call that fails changes nothing.
        """
        return self._learn(X, y, classes, is_first=not hasattr(self, "learner_"))

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each row ``[m]``, with the labels of ``fit``."""
        best = self._logits(X).argmax(1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities ``[m, classes]``, columns in the order of ``classes_``."""
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithms of ``predict_proba``: ``[m, classes]``."""
        logits = self._logits(X)
        shifted = logits - logits.max(1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Scores ``[m, classes]``, the logits of the method. For two classes ``[m]``, above 0 for ``classes_[1]``."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def _learn(self, X: Any, y: Any, classes: Any, *, is_first: bool) -> Self:
        start = self._find_start(is_first=is_first)
        if y is not None:
            read_labels(y, is_regression=False)  # refuses missing labels; scikit-learn makes the text "nan" of them
        inputs, y = self._read_examples(X, y, start, is_first=is_first)
        check_classification_targets(y)
        labels = read_labels(y, is_regression=False)
        later_classes = [] if classes is None else [np.asarray(classes)]
        if not is_first:
            _check_kind(self.y_support_, y)
            inputs, y = self._with_earlier(inputs, y)
            labels = read_labels(y, is_regression=False)
            later_classes.append(self.classes_)
        present, codes = np.unique(y, return_inverse=True)
        all_classes = np.unique(np.concatenate([present, *later_classes]))
        learner = self._make_learner(start, inputs, len(present))
        has_fixed_ways = start.learner is not None and not start.method.any_ways
        if len(present) > 1 or has_fixed_ways:
            learner.fit(inputs, codes if labels.dtype.kind == "f" else labels)
        else:  # one class is the answer to everything
            read_inputs(inputs, learner.net, learner.x_type)
        self.classes_, self._columns = all_classes, np.searchsorted(all_classes, present)
        self._remember(start, learner, inputs, y)
        return self

    def _logits(self, X: Any) -> NDArray[Any]:
        """Scores ``[m, classes]`` in the order of ``classes_``; a class without an example has minus infinity."""
        inputs = self._read_inputs(X)
        if self.learner_.is_fitted:
            scores = self.learner_.predict_logits(inputs)
        else:
            scores = np.zeros((len(read_inputs(inputs, self.learner_.net, self.learner_.x_type)), 1))
        logits = np.full((len(scores), len(self.classes_)), -np.inf, dtype=scores.dtype)
        logits[:, self._columns] = scores
        return logits


def _check_kind(earlier: NDArray[Any], labels: NDArray[Any]) -> None:
    kinds = [_KINDS_OF_LABELS.get(array.dtype.kind, array.dtype.kind) for array in (earlier, labels)]
    if kinds[0] != kinds[1]:
        raise TaskError(
            f"FewShotClassifier: labels must be of one type in all calls of partial_fit, got {earlier.dtype} and "
            f"{labels.dtype}. Convert them."
        )
