"""A network with further meta-weights beside its own: rates, spreads, moments, the weights of an optimizer."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn

from .descent import Params, trainable

M = TypeVar("M", bound=nn.Module)


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


class BesideEach(Beside):
    """``net``, and one more tensor for each of its trainable parameters, started by ``start`` from that parameter."""

    def __init__(self, net: nn.Module, start: Callable[[Tensor], Tensor]) -> None:
        super().__init__(net)
        self.names = tuple(trainable(net))
        self.each = nn.ParameterList(start(p.detach()) for p in trainable(net).values())

    def by_name(self) -> Params:
        """The tensors, by the name of the parameter they are for."""
        return dict(zip(self.names, self.each, strict=True))


def built_as(kind: type[M], net: nn.Module, where: str) -> M:
    """``net``, which must be the ``kind`` of network that the method's ``build`` makes.

    Raises ``TypeError`` where it is not: a program has mixed up the networks of two methods.
    """
    if not isinstance(net, kind):
        raise TypeError(f"{where}, got {type(net).__name__}.")
    return net


def to_buffer(net: nn.Module, name: str) -> Tensor:
    """Make the parameter ``name`` of ``net`` a buffer, in place; gives its values.

    A buffer is not trained, and this one is not saved either; ``forward`` can still put another tensor in its place.
    """
    path, _, own = name.rpartition(".")
    module = net.get_submodule(path)
    values: Tensor = getattr(module, own).detach()
    delattr(module, own)
    module.register_buffer(own, values.clone(), persistent=False)
    return values
