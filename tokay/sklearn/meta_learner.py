"""``MetaLearner``: meta-train on tasks that are arrays, in one call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..core.algorithm import Algorithm, list_algorithms
from ..errors import ConfigError
from ..learner.saving import save
from ..training.config import FitConfig
from ..training.job import Backbone, describe
from ..training.train import train
from .array_tasks import ArrayTasks
from .classifier import FewShotClassifier
from .regressor import FewShotRegressor
from .task_arrays import read_tasks


class MetaLearner(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Learns from many tasks how to learn another one from a few examples.

    ``method`` is a method by its name or with its settings. ``network`` is its backbone: settings, a name or a module
    (default: that of the method for pictures, else a small MLP). ``steps`` and ``config`` are those of ``tokay.train``.

    An episode has ``shots`` support and ``queries`` query examples, per class in classification, and ``ways`` classes. What
    is None follows the tasks: see ``fit``. ``has_fixed_order`` says whether a class means the same in all tasks: turn it off
    if every task numbers classes of its own from 0 (default: on if all tasks have the same labels).

    ``device`` is where to train; ``quiet`` hides the progress.

    After ``fit``: ``learner_`` (a ``Learner``), ``estimator_`` (a ``FewShotClassifier`` or ``FewShotRegressor`` that has
    learned no task yet) and ``kind_``.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> tasks = [(X, a * X[:, 0]) for a in (0.5, 1.0, -1.0, -0.5)]
    >>> meta = MetaLearner("maml", steps=2, quiet=True).fit(tasks)
    >>> meta.adapt(X[:3], 0.7 * X[:3, 0]).predict(X).shape
    (20,)
    """

    def __init__(
        self,
        method: str | Algorithm[Any],
        *,
        network: Backbone = None,
        steps: int | None = None,
        config: FitConfig | None = None,
        ways: int | None = None,
        shots: int | None = None,
        queries: int | None = None,
        has_fixed_order: bool | None = None,
        device: str = "cpu",
        quiet: bool = False,
    ) -> None:
        self.method = method
        self.network = network
        self.steps = steps
        self.config = config
        self.ways = ways
        self.shots = shots
        self.queries = queries
        self.has_fixed_order = has_fixed_order
        self.device = device
        self.quiet = quiet

    def fit(self, tasks: Sequence[Any], validation: Sequence[Any] | None = None) -> Self:
        """Meta-train on ``tasks``, each ``(X, y)`` or ``(X_support, y_support, X_query, y_query)``, of any lengths.

        ``y`` decides: floats are real targets, anything else classes. If all tasks have the same labels ("ill",
        "healthy"), a class keeps its meaning from task to task; otherwise the classes of a task mean nothing elsewhere.

        ``(X, y)`` is divided anew whenever it is drawn, into at most 5 support examples per class (10 points) and 15
        queries. A task that comes divided stays so. ``validation`` are other tasks, which choose the best weights: they
        must not be tasks that you will test on.

        Raises ``TaskError`` with the number of the task that cannot be learned from, and what ``tokay.train`` raises.
        """
        method = _find_method(self.method)
        arrays, kind = read_tasks(tasks, method, "MetaLearner")
        source = ArrayTasks(
            arrays, ways=self.ways, shots=self.shots, queries=self.queries, has_fixed_order=self.has_fixed_order
        )
        held_out = None
        if validation is not None:
            others, _ = read_tasks(validation, method, "MetaLearner: validation")
            held_out = source.like(others)
        self.learner_ = train(
            method,
            source.joint() if method.joint else source,
            network=self.network,
            steps=self.steps,
            config=self.config,
            validation=held_out,
            device=self.device,
            quiet=self.quiet,
        )
        self.kind_ = kind
        return self

    @property
    def estimator_(self) -> FewShotClassifier | FewShotRegressor:
        """An estimator of scikit-learn around the meta-trained network, for pipelines and cross-validation."""
        check_is_fitted(self, "learner_")
        cls = FewShotRegressor if self.kind_ == "regression" else FewShotClassifier
        return cls(self.learner_)

    def adapt(self, X: Any, y: Any) -> FewShotClassifier | FewShotRegressor:
        """Learn a new task: ``estimator_`` after its ``fit``."""
        return self.estimator_.fit(X, y)

    def save(self, path: str | Path) -> None:
        """Write the meta-trained network to a file, for ``FewShotClassifier(path)`` and ``tokay.load``."""
        check_is_fitted(self, "learner_")
        save(self.learner_, self.learner_.net, path)


def _find_method(method: Any) -> Algorithm[Any]:
    methods = list_algorithms()
    if isinstance(method, Algorithm):
        return method
    if isinstance(method, str) and method in methods:
        return methods[method]()
    name = repr(method) if isinstance(method, str) else describe(method)
    raise ConfigError(
        f"MetaLearner: method must be one of {', '.join(sorted(methods))}, or one with settings, got {name}."
    )
