"""Every public name of Tokay. ``tokay.NAME`` imports this file at first use, so that ``import tokay`` alone is quick."""

from .algorithms import *  # one import line per method, there
from .core.algorithm import Algorithm as Algorithm, list_algorithms as list_algorithms
from .core.engine.allocator import keep_freed_memory as keep_freed_memory
from .core.engine.batching import over_tasks as over_tasks
from .core.inner.descent import gradient_descent as gradient_descent
from .core.task import (
    Examples as Examples,
    Sizes as Sizes,
    Task as Task,
    TaskSource as TaskSource,
    TaskSpec as TaskSpec,
    one_hot as one_hot,
)
from .errors import (
    ConfigError as ConfigError,
    DataError as DataError,
    DivergenceError as DivergenceError,
    NetworkError as NetworkError,
    TaskError as TaskError,
    TokayError as TokayError,
)
from .evaluation.by_instance import Instances as Instances, by_instance as by_instance
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.scores import Evaluation as Evaluation, Score as Score, paired_difference as paired_difference
from .learner.adapting import adapt as adapt
from .learner.answers import Answers as Answers, answer as answer
from .learner.learner import Learner as Learner
from .learner.saving import load as load, save as save
from .training.fit import FitConfig as FitConfig, FitState as FitState, Step as Step
from .training.train import train as train
from .training.training_steps import fit as fit
