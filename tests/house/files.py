"""The files of the package, for the checks of what they hold and import."""

import ast
from functools import cache
from pathlib import Path

import pytest

import tokay

ROOT = Path(tokay.__file__).parents[1]
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "tokay").rglob("*.py"))

each_file = pytest.mark.parametrize("path", FILES, ids=str)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def part(path: Path) -> str:
    """The room of a file: core/task.py is in ``core``, errors.py is ``errors``."""
    return path.parts[1].removesuffix(".py")
