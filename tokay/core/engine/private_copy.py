"""A copy of a network that one call can use for itself, while other threads use the original."""

import copy

from torch import nn


def evaluation_copy(net: nn.Module) -> nn.Module:
    """A copy of ``net`` in evaluation mode, with the same weights. Buffers are copied.

    Methods put the weights of a task into the modules for a moment (``torch.func.functional_call``), and networks may
    count calls in buffers. In a copy, neither changes ``net``. In evaluation mode, dropout is off. A norm without
    running statistics still uses those of the batch.

    The copy takes no memory for weights. It shares them, so a later training step changes both.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    >>> copied = evaluation_copy(net)
    >>> copied[0].weight is net[0].weight, copied.training, net.training
    (True, False, True)
    """
    shared = {id(parameter): parameter for parameter in net.parameters()}
    return copy.deepcopy(net, shared).eval()
