"""How a fitted learner answers a query without the other queries, in one forward pass if the network allows it.

Most networks answer each row by itself. Batch norm mixes the rows of a batch: there the statistics of the support set
serve for every query. A network that mixes rows in another way is asked one query at a time, beside the support set.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.algorithm import Algorithm
from ..core.engine.exact_gradients import exact_gradients
from ..core.engine.fixed_statistics import Statistics, fixed_statistics, recorded_statistics
from ..core.predictions import predict_queries
from ..errors import NetworkError
from ..evaluation.batch_dependence import answers_differ


@dataclass(frozen=True)
class QueryProtocol:
    """What is needed to answer queries of one task. ``query_protocol`` makes it."""

    support_x: Tensor  # [n, *x_shape]
    statistics: list[Statistics] | None  # those of the batch norms; None: each query goes beside the support set

    @property
    def mixes_queries(self) -> bool:
        """Whether queries that are answered together change each other's answers."""
        return self.statistics is None or bool(self.statistics)

    def predict(self, algorithm: Algorithm[Any], net: nn.Module, state: Any, x: Tensor) -> Tensor:
        """The predictions ``[m, d]`` for ``x`` ``[m, *x_shape]``. Each is independent of the other queries."""
        with torch.no_grad(), exact_gradients():
            if self.statistics is None:
                return predict_queries(algorithm, net, state, self.support_x, x, inductive=True)
            with fixed_statistics(self.statistics):
                return predict_queries(algorithm, net, state, self.support_x, x, inductive=False)


def query_protocol(algorithm: Algorithm[Any], net: nn.Module, state: Any, support_x: Tensor) -> QueryProtocol:
    """Finds out how queries of this task can be answered: asks for the support set at once, and for its first row by itself.

    ``net`` must be a network that nothing else uses meanwhile (``evaluation_copy``).
    """
    try:
        with torch.no_grad(), exact_gradients(), recorded_statistics() as statistics:
            joint_answers = predict_queries(algorithm, net, state, support_x, support_x, inductive=False)
        protocol = QueryProtocol(support_x, statistics)
        single_answer = protocol.predict(algorithm, net, state, support_x[:1])
    except NetworkError:  # batch norm under vmap, or another number of batch norms for one row
        return QueryProtocol(support_x, None)
    return QueryProtocol(support_x, None) if answers_differ(single_answer, joint_answers[:1]) else protocol
