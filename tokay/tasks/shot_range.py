"""A random number of support examples in each meta-batch, as in the training of neural processes."""

import torch

from ..errors import ConfigError


def check_fewest(
    fewest: int | None, most: int, *, where: str, what: str = "shots", of: str = "", remedy: str = "Raise --shots."
) -> None:
    """Raises ``ConfigError`` if ``fewest``, the lower end of the range, is not from 1 to ``most``. None means no range."""
    if fewest is not None and not 1 <= fewest <= most:
        raise ConfigError(f"{where}: fewest_{what} must be from 1 to the {most} {what}{of}, got {fewest}. {remedy}")


def draw_shots(fewest: int | None, shots: int, generator: torch.Generator) -> int:
    """Draws the number of support examples of one sample, uniformly from ``fewest`` to ``shots``.

    All tasks of a sample have this number, because they are stored in one tensor. If ``fewest`` is None, draws nothing and
    returns ``shots``.

    >>> draw_shots(None, 10, torch.Generator()), draw_shots(3, 3, torch.Generator())
    (10, 3)
    """
    if fewest is None:
        return shots
    return int(torch.randint(fewest, shots + 1, (), generator=generator))


def format_range(fewest: int | None, shots: int) -> str:
    """The range in words.

    >>> format_range(None, 10), format_range(3, 10)
    ('10-point', '3-to-10-point')
    """
    return f"{shots}-point" if fewest in (None, shots) else f"{fewest}-to-{shots}-point"
