"""Backbones: [n, *x_shape] -> [n, features], or feature maps [n, C, H, W].

They do not depend on tasks. Your own ``nn.Module`` works as well.
"""

from ..core.engine.running_statistics import (
    RunningBatchNorm2d as RunningBatchNorm2d,
    RunningStatistics as RunningStatistics,
)
from .conv4 import Conv4 as Conv4, Conv4Maps as Conv4Maps, Conv4Mean as Conv4Mean, Conv4Pool as Conv4Pool
from .embeddings import Embeddings as Embeddings, FieldVectors as FieldVectors
from .koch import Koch as Koch
from .linear import Linear as Linear
from .mlp import MLP as MLP
from .ngrams import HashBag as HashBag, NGrams as NGrams
from .norms import batch_statistics as batch_statistics
from .registry import Network as Network, list_networks as list_networks
from .residual import Residual as Residual
from .task_norm import TaskNorm2d as TaskNorm2d, TaskNormNet as TaskNormNet
