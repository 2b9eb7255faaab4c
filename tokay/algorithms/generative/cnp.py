"""Conditional neural processes (Garnelo et al., 2018, arXiv:1807.01613).

Predicts the distribution of y at any input from a context of (x, y) pairs, in one forward pass:

    r = mean of h(x_i, y_i) over the context,      p(y | x, context) = N(μ, σ²),   (μ, σ) = g(x, r),

Training minimises the mean of -log p over context *and* target points. h has four layers, g has two hidden layers, all of
128 units. σ = 0.1 + 0.9 softplus(·), the bound of the authors' code. The context is the support set; the targets are the
query set.

Deviations from the authors' code:
- x goes through the backbone first (``--network``). The default backbone passes x on unchanged.
- ``--queries`` fixes the number of targets; the authors draw 2 to 9 for every meta-batch. The number of context points is
  drawn if the source is told to draw it (``--fewest-shots``).
- An empty context has r = 0; it never occurs in the authors' code.
The paper's classification (section 4.3) is left out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_positive
from ...core.cost import Cost
from ...core.network import feature_size, require_network
from ...core.objectives import Metrics, metrics
from ...core.probability.neural_process import Decoder, Normal, PairEncoder, average, log_likelihood
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Task, TaskSpec


class _Parts(nn.Module):
    """The backbone of x, the encoder h and the decoder g. Calling it on inputs predicts without a context."""

    def __init__(self, backbone: nn.Module, features: int, y_dim: int, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder = PairEncoder(features, y_dim, width)
        self.decoder = Decoder(features, y_dim, width, width)
        self.width = width

    def decode(self, r: Tensor, x: Tensor) -> Normal:
        """Map inputs ``x`` [m, *x_shape] to the distribution of y [m, d], given ``r`` [width]."""
        prediction: Normal = self.decoder(r.expand(len(x), -1), self.backbone(x))
        return prediction

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(torch.zeros(self.width, dtype=x.dtype, device=x.device), x).mean


def _parts(net: nn.Module) -> _Parts:
    return require_network(_Parts, net, "cnp: `net` must come from CNP().build(...)")


@dataclass(frozen=True, kw_only=True)
class CNP(Algorithm[Tensor], name="cnp"):
    """CNP: averages encoded (x, y) pairs and decodes a Gaussian at every input.

    State: the representation r, [width].

    Use it for regression if you need the spread of each prediction and fast adaptation: it reads a context of any size
    in one pass. It smooths, and its predictions at two inputs are independent. Prefer ``anp`` if the curve must go
    through the support points, ``np`` if you need whole curves, MAML if you can afford a few gradient steps.

    >>> net = CNP(width=8).build(nn.Flatten(), TaskSpec(x_shape=(1,), y_dim=1, kind="regression"))
    >>> state = CNP(width=8).adapt(net, Examples(torch.randn(5, 1), torch.randn(5, 1)))
    >>> mean, std = CNP(width=8).distribution(net, state, torch.randn(7, 1))
    >>> state.shape, mean.shape, bool((std > 0.1).all())
    (torch.Size([8]), torch.Size([7, 1]), True)
    """

    reference = "Garnelo, Rosenbaum, Maddison et al., 2018, arXiv:1807.01613"
    summary = "the mean of encoded (x, y) pairs, decoded to a Gaussian at every input"
    cost = Cost("feed-forward", "E_T -log p(S ∪ Q | r)/n,  p = N(g(x, r)), r the mean of h(x, y) over S")
    outer = Outer(optimizer="adam", lr=1e-4)
    needs_training = "its network reads the examples, and untrained it reads nothing out of them"
    network = "linear"
    vector_network = "linear"
    meta_batch = 64
    kinds = ("regression",)
    recipes = (
        Recipe(
            name="cnp-gp",
            source="gp",
            steps=200_000,
            flags="--shots 10 --fewest-shots 3 --queries 6 --validate-every 0",
            checks=(Check(name="3 to 10 points", flags="--queries 100", measure="log_likelihood"),),
            note="authors' notebook, with 6 query points (there 2 to 9); the paper shows plots, no numbers",
        ),
    )

    width: int = 128
    """units in every layer, and size of the representation"""

    def __post_init__(self) -> None:
        require_positive(self, "width")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Build the backbone of x, the encoder and the decoder."""
        return _Parts(backbone, feature_size(backbone, spec), spec.y_dim, self.width)

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        parts = _parts(net)
        return average(parts.encoder(parts.backbone(support.x), support.y))  # [width]

    def distribution(self, net: nn.Module, state: Tensor, x: Tensor) -> Normal:
        """Mean and standard deviation of y at each input: two [m, d]."""
        return _parts(net).decode(state, x)

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        return self.distribution(net, state, x).mean

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """-log p per point, over support and query points as in the paper. The metrics are those of the query set."""
        state = self.adapt(net, task.support)
        prediction = self.distribution(net, state, task.query.x)
        query_log_p = log_likelihood(prediction, task.query.y)
        support_log_p = log_likelihood(self.distribution(net, state, task.support.x), task.support.y)
        mean_log_p = query_log_p.mean() / task.query.y.shape[1]
        report = {**metrics(prediction.mean, task.query.y), "log_likelihood": mean_log_p}
        return -torch.cat([support_log_p, query_log_p]).mean(), report

    def measures(self, net: nn.Module, state: Tensor, query: Examples) -> Metrics:
        """``log_likelihood``: log p(y) per output, in nats."""
        return {"log_likelihood": log_likelihood(self.distribution(net, state, query.x), query.y) / query.y.shape[1]}
