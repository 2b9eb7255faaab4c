"""Meta-weights that each inner step has its own of: rates, and the scale and shift of the norm layers."""

from copy import deepcopy

from torch import Tensor, nn

from ....core.inner.descent import Params, forward, trainable
from ....core.inner.wrapper import Beside, built_as, to_buffer

_NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.LayerNorm, nn.GroupNorm, nn.RMSNorm),
)


class PerStep(Beside):
    """A copy of ``net`` without the scales and shifts of its norm layers, and what each of ``steps`` steps has instead.

    Beside it stand, for each trainable parameter left, ``steps`` rates that start at ``rate``; and for each trainable
    scale and shift of a norm layer ``steps + 1`` of them, ``[steps + 1, *shape]``, that start as it was: one for the
    weights after every number of steps from 0. In the network itself they are buffers, which is what lets ``forward``
    put a step's own in their place; a checkpoint holds the stacks alone. Later steps use the last of each.

    >>> net = PerStep(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), steps=2, rate=0.1)
    >>> {name: tuple(p.shape) for name, p in net.norms_at(0).items()}, len(net.norms[0])
    ({'1.weight': (3,), '1.bias': (3,)}, 3)
    >>> {name: round(r.item(), 6) for name, r in net.rates_at(5).items()}
    {'0.weight': 0.1, '0.bias': 0.1}
    """

    def __init__(self, net: nn.Module, *, steps: int, rate: float) -> None:
        net = deepcopy(net)  # the caller's keeps its scales and shifts
        taken = _take_norms(net)
        super().__init__(net)
        self.norm_names = tuple(taken)
        self.norms = nn.ParameterList(p.detach().expand(steps + 1, *p.shape).clone() for p in taken.values())
        self.rate_names = tuple(trainable(net))
        self.rates = nn.ParameterList(p.detach().new_full((steps,), rate) for p in trainable(net).values())

    def norms_at(self, step: int) -> Params:
        """The scales and shifts that go with the weights after ``step`` steps, by name."""
        return {name: p[min(step, len(p) - 1)] for name, p in zip(self.norm_names, self.norms, strict=True)}

    def rates_at(self, step: int) -> Params:
        """The rates of the step that follows ``step`` others, by the name of the parameter they are for."""
        return {name: r[min(step, len(r) - 1)] for name, r in zip(self.rate_names, self.rates, strict=True)}

    def forward(self, x: Tensor) -> Tensor:
        """What the network answers before any step."""
        return forward(self.net, self.norms_at(0), x)


def _take_norms(net: nn.Module) -> dict[str, Tensor]:
    """The trainable scales and shifts of the norm layers of ``net``, which become buffers there."""
    taken: dict[str, Tensor] = {}
    for prefix, module in net.named_modules():
        if not isinstance(module, _NORMS):
            continue
        for name, p in list(module.named_parameters(recurse=False)):
            if p.requires_grad:
                taken[f"{prefix}.{name}" if prefix else name] = to_buffer(module, name)
    return taken


def split_steps(net: nn.Module) -> tuple[nn.Module, PerStep]:
    """The network itself, and what each step has. ``net`` is a ``PerStep``."""
    both = built_as(PerStep, net, "split_steps: takes a network with steps beside it")
    return both.net, both
