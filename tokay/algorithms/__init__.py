"""Every method, one import line each: this is the registry."""

from .baseline.finetune import Finetune as Finetune
from .baseline.scratch import Scratch as Scratch
from .bayesian.abml import ABML as ABML
from .bayesian.leo import LEO as LEO
from .bayesian.versa import VERSA as VERSA
from .generative.anp import ANP as ANP
from .generative.cnp import CNP as CNP
from .generative.np import NP as NP
from .gradient.anil import ANIL as ANIL
from .gradient.imaml import IMAML as IMAML
from .gradient.maml import MAML as MAML
from .gradient.mamlpp import MAMLPlusPlus as MAMLPlusPlus
from .gradient.meta_sgd import MetaSGD as MetaSGD
from .gradient.reptile import Reptile as Reptile
from .gradient.taml import TAML as TAML
from .learned.learned_optimizer import LearnedOptimizer as LearnedOptimizer
from .learned.meta_lstm import MetaLSTM as MetaLSTM
from .memory.gru import GRU as GRU
from .memory.lstm import LSTM as LSTM
from .memory.mann import MANN as MANN
from .memory.snail import SNAIL as SNAIL
from .metric.matching import MatchingNet as MatchingNet
from .metric.protonet import ProtoNet as ProtoNet
from .metric.relation import RelationNet as RelationNet
from .metric.siamese import Siamese as Siamese
