"""The suffix of a figure file, without matplotlib."""

import subprocess
import sys
from pathlib import Path

import pytest

from tokay.errors import ConfigError
from tokay.figures.file_format import FORMATS, figure_format


def test_every_format_has_its_suffix() -> None:
    assert [figure_format(Path(f"folder.x/a.{name}")) for name in FORMATS] == list(FORMATS)


def test_the_error_names_the_file_and_the_suffixes() -> None:
    with pytest.raises(ConfigError, match=r"^runs/a\.jpeg: a figure must be .* \.png, \.pdf, \.svg"):
        figure_format(Path("runs/a.jpeg"))


def test_matplotlib_is_not_imported() -> None:
    """``tokay compare`` checks the suffix before anything slow starts."""
    code = "import sys, tokay.figures.file_format; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
