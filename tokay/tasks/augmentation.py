"""Random changes of training pictures: flips, crops and colours, as in Lee et al. 2019 (MetaOptNet, arXiv:1904.03758).

The authors' code crops after padding by 8 of 84 pixels, jitters brightness, contrast and saturation by up to 0.4, and flips
half of the pictures. Deviations: the padding is a tenth of the side, rounded; the three colours change in a fixed order.
"""

from typing import Literal, Self, get_args

import torch
from torch import Tensor

from ..core.task import Task, TaskSource
from ..errors import ConfigError, TaskError
from .source import on_device

Change = Literal["flip", "crop", "colour"]

_PADDING = 0.1  # of the side
_JITTER = 0.4
_GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue, as in ITU-R BT.601


class AugmentedTasks:
    """The tasks of ``source`` with changes of each picture, drawn afresh each time: of the support and the query set.

    Inputs must be pictures ``[tasks, n, C, H, W]`` in [0, 1], and stay so. Raises ``TaskError`` for other inputs.
    """

    def __init__(self, source: TaskSource, changes: tuple[Change, ...], where: str) -> None:
        if len(source.spec.x_shape) != 3 or source.spec.x_type != "float":
            raise TaskError(f"{where}: only pictures can be augmented, got inputs of shape {source.spec.x_shape}.")
        self.source, self.changes, self.where, self.spec = source, changes, where, source.spec

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        """Draws ``tasks`` tasks. They depend only on the state of ``generator``."""
        task = self.source.sample(tasks, generator)
        return Task(*(part._replace(x=augment(part.x, self.changes, generator)) for part in task))

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on ``device``."""
        return type(self)(on_device(self.source, device), self.changes, self.where)


def check_changes(changes: tuple[str, ...], where: str) -> None:
    """Raise ``ConfigError`` for a change that is not known, or is named twice."""
    for change in changes:
        if change not in get_args(Change):
            raise ConfigError(f"{where}: augment must be any of {', '.join(get_args(Change))}, got {change!r}.")
    if len(set(changes)) < len(changes):
        raise ConfigError(f"{where}: augment must name each change once, got {', '.join(changes)}.")


def augment(pictures: Tensor, changes: tuple[Change, ...], generator: torch.Generator) -> Tensor:
    """``pictures`` ``[..., C, H, W]`` in [0, 1] with random changes, each picture with its own.

    >>> picture = torch.rand(4, 3, 8, 8)
    >>> augment(picture, ("flip", "crop", "colour"), torch.Generator()).shape
    torch.Size([4, 3, 8, 8])
    """
    x = pictures.flatten(0, -4)
    if "crop" in changes:
        x = _crop(x, generator)
    if "colour" in changes:
        x = _jitter(x, generator)
    if "flip" in changes:
        is_flipped = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5
        x = torch.where(is_flipped.to(x.device), x.flip(-1), x)
    return x.reshape(pictures.shape)


def _crop(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture moved by up to the padding in both directions; what comes in is black."""
    height, width = x.shape[-2:]
    padding = max(1, round(_PADDING * min(height, width)))
    offsets = torch.randint(2 * padding + 1, (2, len(x), 1), generator=generator).to(x.device)
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    rows = offsets[0] + torch.arange(height, device=x.device)  # [n, H]
    columns = offsets[1] + torch.arange(width, device=x.device)  # [n, W]
    picture = torch.arange(len(x), device=x.device)[:, None, None]
    # Indices around a slice put their axes first: [n, H, W, C].
    return padded[picture, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def _jitter(x: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and, of coloured pictures, saturation, each by a factor from 0.6 to 1.4."""
    factors = 1 - _JITTER + 2 * _JITTER * torch.rand(3, len(x), 1, 1, 1, generator=generator).to(x.device)
    x = (factors[0] * x).clamp(0, 1)
    x = (factors[1] * (x - _grey(x).mean((-2, -1), keepdim=True)) + _grey(x).mean((-2, -1), keepdim=True)).clamp(0, 1)
    if x.shape[1] == 3:
        x = (factors[2] * (x - _grey(x)) + _grey(x)).clamp(0, 1)
    return x


def _grey(x: Tensor) -> Tensor:
    """The brightness of each pixel, ``[n, 1, H, W]``."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    return (x * x.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True)
