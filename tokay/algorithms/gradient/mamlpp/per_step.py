"""Meta-weights of each inner step: its rates, and the scales and shifts of the norm layers."""

from copy import deepcopy

from torch import Tensor, nn

from ....core.engine.running_statistics import RunningBatchNorm2d
from ....core.inner.descent import Params, forward, trainable
from ....core.inner.wrapper import Wrapper, to_buffer
from ....core.network import require_network
from ....errors import NetworkError

_NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.LayerNorm, nn.GroupNorm, nn.RMSNorm),
)


class PerStep(Wrapper):
    """A copy of ``net``, with rates and norm parameters for each of ``steps`` inner steps.

    Norm parameters: each trainable scale or shift of a norm layer becomes a stack ``[steps + 1, *shape]``. Entry i goes
    with the weights after i steps; all entries start at the original values. In the network itself the originals become
    buffers, so that ``forward`` can replace them by the entry of a step. A checkpoint stores only the stacks.

    Rates: each remaining trainable parameter gets ``steps`` rates, which start at ``rate``.

    Steps beyond ``steps`` use the last entry.

    >>> net = PerStep(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), steps=2, rate=0.1)
    >>> {name: tuple(p.shape) for name, p in net.norms_at(0).items()}, len(net.norms[0])
    ({'1.weight': (3,), '1.bias': (3,)}, 3)
    >>> {name: round(r.item(), 6) for name, r in net.rates_at(5).items()}
    {'0.weight': 0.1, '0.bias': 0.1}
    """

    def __init__(self, net: nn.Module, *, steps: int, rate: float) -> None:
        net = deepcopy(net)  # the caller's network keeps its scales and shifts
        norms = _take_norms(net)
        super().__init__(net)
        self.norm_names = tuple(norms)
        self.norms = nn.ParameterList(p.detach().expand(steps + 1, *p.shape).clone() for p in norms.values())
        self.rate_names = tuple(trainable(net))
        self.rates = nn.ParameterList(p.detach().new_full((steps,), rate) for p in trainable(net).values())

    def norms_at(self, step: int) -> Params:
        """The scales and shifts for the weights after ``step`` steps, by parameter name."""
        return {name: p[min(step, len(p) - 1)] for name, p in zip(self.norm_names, self.norms, strict=True)}

    def rates_at(self, step: int) -> Params:
        """The rates of the step that comes after ``step`` steps, by parameter name."""
        return {name: r[min(step, len(r) - 1)] for name, r in zip(self.rate_names, self.rates, strict=True)}

    def forward(self, x: Tensor) -> Tensor:
        """The output of the network before any inner step."""
        return forward(self.net, self.norms_at(0), x)


def _take_norms(net: nn.Module) -> dict[str, Tensor]:
    """Makes the trainable scales and shifts of the norm layers buffers of ``net``; returns their values by name."""
    norms: dict[str, Tensor] = {}
    for prefix, module in net.named_modules():
        if isinstance(module, RunningBatchNorm2d):
            raise NetworkError(
                f"maml++: norm parameters differ from step to step, so running statistics fit none of them, {prefix} keeps "
                "some. Use --norm batch or task."
            )
        if not isinstance(module, _NORMS):
            continue
        for name, p in list(module.named_parameters(recurse=False)):
            if p.requires_grad:
                norms[f"{prefix}.{name}" if prefix else name] = to_buffer(module, name)
    return norms


def split_steps(net: nn.Module) -> tuple[nn.Module, PerStep]:
    """Returns the inner network, and ``net`` itself. Raises ``TypeError`` if ``net`` is not a ``PerStep``."""
    per_step = require_network(PerStep, net, "split_steps: net must be the PerStep that MAMLPlusPlus().build returns")
    return per_step.net, per_step
