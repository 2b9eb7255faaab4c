"""A network with further meta-weights beside its own: rates, moments, the weights of an optimizer."""

from torch import Tensor, nn


class Beside(nn.Module):
    """``net``, which answers, and whatever a subclass adds for the inner loop.

    The additions are parameters like any other: the outer optimizer moves them, ``.to()`` and checkpoints take them.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """What ``net`` answers."""
        output: Tensor = self.net(x)
        return output
