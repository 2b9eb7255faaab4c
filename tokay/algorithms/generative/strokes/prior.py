"""How strokes look before any has been seen: a mixture of Gaussians over the control points of their splines."""

import math

import torch
from torch import Tensor, nn

from .programs import CONTROLS

NUMBERS = 2 * CONTROLS + 1


def stroke_shapes(control: Tensor) -> Tensor:
    """Control points ``[..., 5, 2]`` as the prior sees them ``[..., 11]``: about their mean, at size 1, and log size.

    Size is the root mean square distance from the mean; a hundredth of the picture is added, so that dots have one.
    """
    about = control - control.mean(-2, keepdim=True)
    size = (about.square().sum(-1).mean(-1) + 1e-4).sqrt()
    return torch.cat([(about / size[..., None, None]).flatten(-2), size.log()[..., None]], -1)


class StrokePrior(nn.Module):
    """A mixture of Gaussians with diagonal covariances, whose parameters are learned with everything else."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.zeros(components))  # log, up to a constant
        self.mean = nn.Parameter(0.5 * torch.randn(components, NUMBERS))
        self.log_std = nn.Parameter(torch.full((components, NUMBERS), -0.5))

    def forward(self, shapes: Tensor) -> Tensor:
        """log p of each stroke shape: ``[..., 11]`` to ``[...]``.

        >>> prior = StrokePrior(1)
        >>> at_mean = prior(prior.mean)  # 11 numbers of standard deviation exp(-1/2), at the mean
        >>> bool(torch.isclose(at_mean, torch.tensor(11 * (0.5 - 0.5 * math.log(2 * math.pi)))).all())
        True
        """
        off = (shapes[..., None, :] - self.mean) * (-self.log_std).exp()  # [..., components, 11]
        each = -off.square().sum(-1) / 2 - self.log_std.sum(-1) - NUMBERS / 2 * math.log(2 * math.pi)
        return torch.logsumexp(each + torch.log_softmax(self.share, -1), -1)
