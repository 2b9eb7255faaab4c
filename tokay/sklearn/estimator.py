"""What the few-shot classifier and regressor share: where the network comes from, and how X becomes its inputs."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from ..core.task import Kind, TaskSpec
from ..learner.learner import Learner
from ..training.job import Backbone
from .models import Model, Start, find_model, with_seed
from .rows import as_inputs, as_rows, input_shape
from .untrained import untrained_learner


class FewShotEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The base of ``FewShotClassifier`` and ``FewShotRegressor``.

    After ``fit``: ``learner_`` (the adapted ``Learner``), ``X_support_`` and ``y_support_`` (the examples it learned
    from), ``n_features_in_``, and ``feature_names_in_`` for tables.
    """

    kind: ClassVar[Kind]
    default_model: ClassVar[Model]

    model: Model | None
    network: Backbone
    device: str
    random_state: Any

    def _find_start(self, *, is_first: bool) -> Start:
        """The trained learner or the method that examples are given to. Later calls of ``partial_fit`` load nothing."""
        if not is_first:
            return self._start
        self._seed = _seed(self.random_state)
        model = self.default_model if self.model is None else self.model
        return find_model(model, self.network, self.kind, device=self.device, where=type(self).__name__)

    def _read_examples(
        self, X: Any, y: Any, start: Start, *, is_first: bool, **checks: Any
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs ``[n, *x_shape]`` and targets, checked by scikit-learn. ``checks`` are those of the targets."""
        where = type(self).__name__
        if start.table is not None:
            inputs = start.table.encode(X, where)
            validate_data(self, X, reset=is_first, skip_check_array=True)  # the names of the columns
            inputs, y = check_X_y(inputs, y, estimator=self, **checks)
            return inputs, y
        x_shape = start.learner.x_shape if start.learner is not None else None if is_first else self._x_shape
        rows = as_rows(X, x_shape, where)
        rows, y = validate_data(self, rows, y, reset=is_first, ensure_all_finite=False, **checks)
        return as_inputs(rows, x_shape or input_shape(X) or rows.shape[1:], where), y

    def _read_inputs(self, X: Any) -> NDArray[Any]:
        """Inputs ``[m, *x_shape]`` of queries."""
        check_is_fitted(self)
        where, table = type(self).__name__, self._start.table
        if table is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return table.encode(X, where)
        rows = as_rows(X, self._x_shape, where)
        rows = validate_data(self, rows, reset=False, ensure_all_finite=False)
        return as_inputs(rows, self._x_shape, where)

    def _make_learner(self, start: Start, inputs: NDArray[Any], y_dim: int) -> Learner:
        """A learner that has not learned yet. The network of a method without meta-training is made here."""
        if start.learner is not None:
            return with_seed(start.learner, self._seed)
        spec = TaskSpec(x_shape=inputs.shape[1:], y_dim=y_dim, kind=self.kind)
        where = type(self).__name__
        return untrained_learner(start.method, self.network, spec, seed=self._seed, device=self.device, where=where)

    def _remember(self, start: Start, learner: Learner, inputs: NDArray[Any], y: NDArray[Any]) -> None:
        """Keep what was learned. Called last, so that a call that fails changes no answers."""
        self._start, self._x_shape = start, inputs.shape[1:]
        self.learner_, self.X_support_, self.y_support_ = learner, inputs, y

    def _with_earlier(self, inputs: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The examples after those of earlier calls."""
        return np.concatenate([self.X_support_, inputs]), np.concatenate([self.y_support_, y])


def _seed(random_state: Any) -> int:
    """An integer is the seed itself; otherwise one is drawn, as scikit-learn does."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
