"""The prior over strokes: a mixture of Gaussians over the control points of their splines."""

import math

import torch
from torch import Tensor, nn

from .programs import CONTROLS

NUMBERS = 2 * CONTROLS + 1


def stroke_shapes(control: Tensor) -> Tensor:
    """Normalise control points ``[..., 5, 2]`` to the prior's input ``[..., 11]``.

    The first ten numbers are the points, centred on their mean and divided by their size. The last is the log size.
    Size is the root mean square distance from the mean. A hundredth of the picture is added, so that dots have a size.
    """
    centred = control - control.mean(-2, keepdim=True)
    size = (centred.square().sum(-1).mean(-1) + 1e-4).sqrt()
    return torch.cat([(centred / size[..., None, None]).flatten(-2), size.log()[..., None]], -1)


class StrokePrior(nn.Module):
    """A mixture of Gaussians with diagonal covariances. Its parameters are meta-weights."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.zeros(components))  # log of the mixture weights, up to a constant
        self.mean = nn.Parameter(0.5 * torch.randn(components, NUMBERS))
        self.log_std = nn.Parameter(torch.full((components, NUMBERS), -0.5))

    def forward(self, shapes: Tensor) -> Tensor:
        """log p of each stroke shape: ``[..., 11]`` to ``[...]``.

        >>> prior = StrokePrior(1)
        >>> at_mean = prior(prior.mean)  # 11 numbers of standard deviation exp(-1/2), at the mean
        >>> bool(torch.isclose(at_mean, torch.tensor(11 * (0.5 - 0.5 * math.log(2 * math.pi)))).all())
        True
        """
        deviation = (shapes[..., None, :] - self.mean) * (-self.log_std).exp()  # [..., components, 11]
        log_p = -deviation.square().sum(-1) / 2 - self.log_std.sum(-1) - NUMBERS / 2 * math.log(2 * math.pi)
        return torch.logsumexp(log_p + torch.log_softmax(self.share, -1), -1)
