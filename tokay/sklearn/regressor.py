"""``FewShotRegressor``: any method of Tokay that learns real targets, as a regressor of scikit-learn."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from ..algorithms import Scratch
from ..core.task import Kind
from ..errors import TaskError
from ..training.job import Backbone
from .estimator import FewShotEstimator
from .models import Model


class FewShotRegressor(RegressorMixin, FewShotEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A meta-trained regressor, adapted to ``X`` and ``y`` by ``fit``, with the interface of scikit-learn.

    ``model`` is a run folder ("runs/maml"), a file of ``tokay.save``, a ``Learner``, or a method by its name or with its
    settings ("scratch", ``MAML(inner_lr=0.01)``). Default: ``Scratch(inner_lr=0.01)``. The targets must have the scale of
    those in training; a run on a table scales them itself.

    **A method alone has no meta-training.** It is a baseline and no more: ``scratch`` and ``finetune`` are a small network
    that is trained on your examples only, ``maml`` and its relatives a few gradient steps from random weights. A linear
    model of scikit-learn is often better. Scale inputs and targets to about 1 (``StandardScaler``,
    ``TransformedTargetRegressor``), as for any network. ``cnp`` and its relatives refuse: untrained, they read nothing
    out of the examples.

    ``network``, ``device``, ``random_state`` and ``X`` are those of ``FewShotClassifier``. ``y`` is ``[n]`` or
    ``[n, targets]``. ``fit`` takes no ``sample_weight``, because no method reads weights: for gradient steps, repeat a row
    instead.

    After ``fit``: ``learner_``, ``X_support_``, ``y_support_``, ``n_features_in_``, ``feature_names_in_``.

    >>> regressor = FewShotRegressor().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> regressor.predict([[0.5]]).shape
    (1,)
    """

    kind: ClassVar[Kind] = "regression"
    default_model: ClassVar[Model] = Scratch(inner_lr=0.01)

    def __init__(
        self, model: Model | None = None, *, network: Backbone = None, device: str = "cpu", random_state: Any = 0
    ) -> None:
        self.model = model
        self.network = network
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Adapt to the examples; what was learned before is forgotten.

        Raises ``TaskError`` for NaN and for shapes that do not fit the model, and ``ConfigError`` or ``DataError`` for a
        ``model`` that does not exist or is damaged.
        """
        return self._learn(X, y, is_first=True)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Adapt to these examples and those of earlier calls.

        The examples are kept, so memory and time grow with their number. A call that fails changes nothing.
        """
        return self._learn(X, y, is_first=not hasattr(self, "learner_"))

    def predict(self, X: Any) -> NDArray[Any]:
        """The prediction for each row: ``[m]`` or ``[m, targets]``, shaped like ``y`` of ``fit``."""
        inputs = self._read_inputs(X)
        values = self.learner_.predict(inputs).astype(np.float64)
        table = self._start.table
        return values if table is None else values * table.std + table.mean

    def _learn(self, X: Any, y: Any, *, is_first: bool) -> Self:
        start = self._find_start(is_first=is_first)
        inputs, y = self._read_examples(X, y, start, is_first=is_first, multi_output=True, y_numeric=True)
        y = y.astype(np.float64)
        if not is_first:
            if y.shape[1:] != self.y_support_.shape[1:]:
                raise TaskError(
                    f"FewShotRegressor: targets must have shape {self.y_support_.shape[1:]} in all calls of partial_fit, "
                    f"got {y.shape[1:]}. Give the same columns."
                )
            inputs, y = self._with_earlier(inputs, y)
        learner = self._make_learner(start, inputs, 1 if y.ndim == 1 else y.shape[1])
        values = y if start.table is None else (y - start.table.mean) / start.table.std
        self._remember(start, learner.fit(inputs, values), inputs, y)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
