"""What scikit-learn asks of an estimator, so that a ``Learner`` works in its pipelines and in cross-validation."""

import inspect
from typing import Any, Self

from ..core.algorithm import Algorithm
from ..core.task import Kind
from ..errors import ConfigError


class EstimatorProtocol:
    """Parameters, clones and tags for a class whose constructor stores each argument under its own name.

    Nothing here imports scikit-learn before scikit-learn itself asks.
    """

    algorithm: Algorithm[Any]
    kind_: Kind

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor. Raises ``ConfigError`` for a name that is none of them."""
        names = self.get_params()
        for name, value in params.items():
            if name not in names:
                raise ConfigError(
                    f"{type(self).__name__}: set_params takes {', '.join(names)}, got {name!r}. Use one of them."
                )
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Self:
        """The same settings without what was learned of a task. The network is shared: ``fit`` never changes it."""
        return type(self)(**self.get_params())

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "state_")

    def __sklearn_tags__(self) -> Any:
        """The tags of a classifier or a regressor: before ``fit``, of neither if the method learns both."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        kinds = (self.kind_,) if hasattr(self, "kind_") else self.algorithm.takes()
        tags = Tags(estimator_type=None, target_tags=TargetTags(required=True, multi_output=True))
        if kinds == ("classification",):
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
            tags.target_tags.multi_output = False
        elif kinds == ("regression",):
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags
