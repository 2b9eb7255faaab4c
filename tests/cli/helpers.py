"""Call the program, in this process or in a new one, and check how it refuses bad input."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from tokay.cli.main import main

SMALL = ("--meta-batch", "2", "--validate-every", "2", "--validation-tasks", "2", "--train-queries", "2")
"""Flags that make a run on pictures tiny. Give it few filters, too."""


class Result(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Result]


def program(*words: str | Path, **environment: str) -> Result:
    """``python -m tokay`` as a user runs it."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tokay", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    return Result(process.returncode, process.stdout, process.stderr)


def refused(result: Result, *expected: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr that holds all of ``expected``."""
    assert result.code == 2, result
    assert result.out == "", result.out
    assert result.err.endswith("\n"), result.err
    assert len(result.err.splitlines()) == 1, result.err
    assert "Traceback" not in result.err
    for words in expected:
        assert words in result.err, result.err


def quietly(*words: str | Path) -> None:
    """Run a command that must succeed, for the files that it makes."""
    assert main([str(word) for word in words]) == 0


def write_letters(root: Path, classes: int, files: int, *, size: int = 30, paper: bool = True) -> Path:
    """``root/c0/0.png`` ...: each class has its own pattern of blocks, dark on light ``paper`` or bright on black."""
    for c in range(classes):
        (root / f"c{c}").mkdir(parents=True)
        pattern = torch.rand(4, 4, generator=torch.Generator().manual_seed(c)) > 0.5
        ink = 255 * pattern.repeat_interleave(size // 6, 0).repeat_interleave(size // 6, 1)
        for number in range(files):
            pixels = torch.zeros(size, size, dtype=torch.uint8)
            top, column = size // 10 + number % 2, size // 10 + number // 2 % 2
            pixels[top : top + len(ink), column : column + len(ink)] = ink
            Image.fromarray((255 - pixels if paper else pixels).numpy()).save(root / f"c{c}" / f"{number}.png")
    return root
