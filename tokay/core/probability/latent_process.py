"""What the neural processes with a latent variable share: the network, the ELBO, and predictions averaged over z."""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from ..algorithm import Algorithm
from ..objectives import Metrics
from ..task import Examples, Task
from .neural_process import (
    LatentEncoder,
    Normal,
    draw_latent,
    elbo,
    mixture,
    mixture_log_likelihood,
    mixture_metrics,
)


class LatentState(Protocol):
    """The state of a task: a named tuple with draws ``z`` [samples, width] of the latent."""

    @property
    def z(self) -> Tensor:
        """Draws of the latent, [samples, width]."""

    def _replace(self, *, z: Tensor) -> Self: ...


S = TypeVar("S", bound=LatentState)


class LatentNetwork(nn.Module, ABC, Generic[S]):
    """The backbone of x and the encoder of the latent. A subclass adds a decoder and its own way to use the context.

    Calling the network on inputs predicts without a context: the mean of y, with z at the mean of its prior.
    """

    def __init__(self, backbone: nn.Module, features: int, y_dim: int, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.latent = LatentEncoder(features, y_dim, width)
        self.features, self.y_dim = features, y_dim

    @abstractmethod
    def condition(self, x: Tensor, y: Tensor, z: Tensor) -> S:
        """Build the state of a task from features ``x`` [n, features], targets ``y`` [n, d] and draws ``z``."""

    @abstractmethod
    def decode(self, state: S, x: Tensor) -> Normal:
        """Map features ``x`` [m, features] to the distribution of y for each draw of z: [samples, m, d]."""

    def forward(self, x: Tensor) -> Tensor:
        """Mean of y [m, d] for inputs ``x`` [m, *x_shape], without a context."""
        x = self.backbone(x)
        context = x.new_zeros(0, self.features), x.new_zeros(0, self.y_dim)
        state = self.condition(*context, self.latent(*context).mean[None])
        return self.decode(state, x).mean[0]


class LatentProcess(Algorithm[S]):
    """A neural process with a latent variable. A subclass gives ``build``, ``_parts`` and the field ``samples``."""

    samples: int  # draws of the latent

    @abstractmethod
    def _parts(self, net: nn.Module) -> LatentNetwork[S]:
        """Return ``net`` as the network that ``build`` made; raise ``TypeError`` if it is another one."""

    def adapt(self, net: nn.Module, support: Examples) -> S:
        """Encode the support set and draw z from q(z | support set)."""
        parts = self._parts(net)
        x = parts.backbone(support.x)
        prior = parts.latent(x, support.y)
        return parts.condition(x, support.y, draw_latent(support, prior, self.samples, stream=0))

    def curves(self, net: nn.Module, state: S, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input, for every draw of the latent: two [samples, m, d]."""
        parts = self._parts(net)
        return parts.decode(state, parts.backbone(x))

    def distribution(self, net: nn.Module, state: S, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input, averaged over the draws of the latent: two [m, d]."""
        return mixture(self.curves(net, state, x))

    def predict(self, net: nn.Module, state: S, x: Tensor) -> Tensor:
        """Mean of y at each input, [m, d], averaged over the draws of the latent."""
        return self.distribution(net, state, x).mean

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """-ELBO per point of support and query set together. The metrics are those of the query set."""
        parts, (support, query) = self._parts(net), task
        support_x, query_x = parts.backbone(support.x), parts.backbone(query.x)
        x, y = torch.cat([support_x, query_x]), torch.cat([support.y, query.y])
        prior, posterior = parts.latent(support_x, support.y), parts.latent(x, y)
        state = parts.condition(support_x, support.y, draw_latent(support, prior, self.samples, stream=0))
        z = draw_latent(support, posterior, self.samples, stream=1)
        predictions = parts.decode(state._replace(z=z), x)
        with torch.no_grad():  # what adapt and predict give
            report = mixture_metrics(parts.decode(state, query_x), query.y)
        return -elbo(predictions, y, posterior, prior) / len(y), report

    def measures(self, net: nn.Module, state: S, query: Examples) -> Metrics:
        """``log_likelihood``: the log of p(y) averaged over draws of the latent, per output, in nats."""
        curves = self.curves(net, state, query.x)
        return {"log_likelihood": mixture_log_likelihood(curves, query.y) / query.y.shape[1]}
