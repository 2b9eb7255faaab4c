"""The file format of a figure, from the suffix of its path. This file needs no matplotlib, which is slow to import."""

from pathlib import Path

from ..errors import ConfigError

FORMATS = ("png", "pdf", "svg")


def figure_format(path: Path) -> str:
    """The format of a figure file. Raises ``ConfigError`` for a suffix that is none of ``FORMATS``.

    >>> figure_format(Path("curves.PDF"))
    'pdf'
    """
    name = path.suffix.removeprefix(".").lower()
    if name not in FORMATS:
        options = ", ".join(f".{option}" for option in FORMATS)
        raise ConfigError(f"{path}: a figure must be a file with one of the suffixes {options}. Add .png.")
    return name
