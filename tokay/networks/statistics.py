"""Making an ordinary network fit for few-shot use."""

from copy import deepcopy

from torch import nn


def batch_statistics(net: nn.Module) -> nn.Module:
    """A copy of ``net`` whose norm layers always use the statistics of the batch at hand and keep none.

    >>> batch_statistics(nn.Sequential(nn.BatchNorm1d(3)))[0].track_running_stats
    False
    """
    net = deepcopy(net)
    for module in net.modules():
        if getattr(module, "track_running_stats", False):
            setattr(module, "track_running_stats", False)  # noqa: B010 - torch types module attributes as tensors
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                module.register_buffer(name, None)
    return net
