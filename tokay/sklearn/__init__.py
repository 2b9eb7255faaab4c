"""Meta-learned classifiers and regressors for scikit-learn. Needs ``pip install 'tokay[sklearn]'``.

Imports of ``sklearn`` here are absolute: they mean scikit-learn itself, never this folder.
"""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError("tokay.sklearn: needs scikit-learn, not installed here. Run pip install 'tokay[sklearn]'.")

from .classifier import FewShotClassifier as FewShotClassifier
from .meta_learner import MetaLearner as MetaLearner
from .regressor import FewShotRegressor as FewShotRegressor
