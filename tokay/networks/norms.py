"""Converts an ordinary network for few-shot learning."""

from copy import deepcopy

from torch import nn


def batch_statistics(net: nn.Module) -> nn.Module:
    """A copy of ``net`` whose norm layers always use the statistics of the current batch and keep no running ones.

    Use it for a network with running statistics, which would carry information from task to task.

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
