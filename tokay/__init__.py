"""Tokay: learning to learn. Meta-train on many related tasks, then solve a new one from a handful of examples."""

from ._version import __version__ as __version__
from .algorithms import (
    ABML as ABML,
    ANIL as ANIL,
    ANP as ANP,
    CNP as CNP,
    GRU as GRU,
    IMAML as IMAML,
    LEO as LEO,
    LSTM as LSTM,
    MAML as MAML,
    MANN as MANN,
    NP as NP,
    NTM as NTM,
    SNAIL as SNAIL,
    TAML as TAML,
    VERSA as VERSA,
    BaselinePlusPlus as BaselinePlusPlus,
    Finetune as Finetune,
    Hausdorff as Hausdorff,
    LearnedOptimizer as LearnedOptimizer,
    MAMLPlusPlus as MAMLPlusPlus,
    MatchingNet as MatchingNet,
    MetaLSTM as MetaLSTM,
    MetaSGD as MetaSGD,
    Nearest as Nearest,
    ProtoNet as ProtoNet,
    RelationNet as RelationNet,
    Reptile as Reptile,
    Scratch as Scratch,
    Siamese as Siamese,
    SimpleShot as SimpleShot,
    Strokes as Strokes,
)
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
from .learner.learner import Learner as Learner
from .runs.checkpoint import load as load
from .training.fit import FitConfig as FitConfig, FitState as FitState, Step as Step, fit as fit
