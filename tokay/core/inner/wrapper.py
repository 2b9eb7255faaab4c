"""Wrappers that add meta-weights to a network: learning rates, spreads, moments, or the weights of an optimizer."""

from collections.abc import Callable

from torch import Tensor, nn

from .descent import Params, trainable


class Wrapper(nn.Module):
    """Predicts as ``net`` does. A subclass adds parameters for the inner loop.

    The added parameters are ordinary ones: the outer optimizer trains them, ``.to()`` moves them, checkpoints save them.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``net(x)``."""
        output: Tensor = self.net(x)
        return output


class PerParameterWrapper(Wrapper):
    """``net``, and one extra tensor per trainable parameter. ``start(parameter)`` gives the tensor's initial value."""

    def __init__(self, net: nn.Module, start: Callable[[Tensor], Tensor]) -> None:
        super().__init__(net)
        self.names = tuple(trainable(net))
        self.each = nn.ParameterList(start(p.detach()) for p in trainable(net).values())

    def by_name(self) -> Params:
        """Returns the extra tensors, keyed by the name of their parameter."""
        return dict(zip(self.names, self.each, strict=True))


def to_buffer(net: nn.Module, name: str) -> Tensor:
    """Turns the parameter ``name`` of ``net`` into a buffer, in place. Returns its values.

    Nothing trains or saves this buffer. ``descent.forward`` can still replace it by another tensor.
    """
    path, _, attribute = name.rpartition(".")
    module = net.get_submodule(path)
    values: Tensor = getattr(module, attribute).detach()
    delattr(module, attribute)
    module.register_buffer(attribute, values.clone(), persistent=False)
    return values
