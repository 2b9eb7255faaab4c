"""A number of support examples that changes from meta-batch to meta-batch, as neural processes are trained."""

import torch

from ..errors import ConfigError


def check_fewest(
    fewest: int | None, most: int, *, where: str, what: str = "shots", of: str = "", remedy: str = "Raise --shots."
) -> None:
    """Refuse a lower end of the range that is below 1 or above ``most``, its upper end. None is no range."""
    if fewest is not None and not 1 <= fewest <= most:
        raise ConfigError(f"{where}: fewest_{what} must be from 1 to the {most} {what}{of}, got {fewest}. {remedy}")


def drawn_shots(fewest: int | None, shots: int, generator: torch.Generator) -> int:
    """How many support examples the tasks of one sample have: ``fewest`` to ``shots``, each as likely.

    All tasks of a sample have as many, for they are the rows of one tensor.

    >>> drawn_shots(None, 10, torch.Generator()), drawn_shots(3, 3, torch.Generator())
    (10, 3)
    """
    if fewest is None:
        return shots
    return int(torch.randint(fewest, shots + 1, (), generator=generator))


def range_named(fewest: int | None, shots: int) -> str:
    """As people say it.

    >>> range_named(None, 10), range_named(3, 10)
    ('10-point', '3-to-10-point')
    """
    return f"{shots}-point" if fewest in (None, shots) else f"{fewest}-to-{shots}-point"
