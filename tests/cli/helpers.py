"""Calling the program, in this process or in one of its own, and what every refusal must look like."""

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
"""What makes a run on pictures tiny, beside few filters."""


class Result(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Result]


def program(*words: str | Path, **environment: str) -> Result:
    """``python -m tokay`` as a user runs it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tokay", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def refused(result: Result, *said: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr that says all of ``said``."""
    assert result.code == 2, result
    assert result.out == "", result.out
    assert result.err.endswith("\n"), result.err
    assert len(result.err.splitlines()) == 1, result.err
    assert "Traceback" not in result.err
    for words in said:
        assert words in result.err, result.err


def quietly(*words: str | Path) -> None:
    """Run a command that must work, for its files."""
    assert main([str(word) for word in words]) == 0


def write_letters(root: Path, classes: int, files: int, *, size: int = 30, paper: bool = True) -> Path:
    """``root/c0/0.png`` ...: each class is a pattern of blocks of its own, dark on light ``paper`` or bright on black."""
    for c in range(classes):
        (root / f"c{c}").mkdir(parents=True)
        pattern = torch.rand(4, 4, generator=torch.Generator().manual_seed(c)) > 0.5
        ink = 255 * pattern.repeat_interleave(size // 6, 0).repeat_interleave(size // 6, 1)
        for number in range(files):
            pixels = torch.zeros(size, size, dtype=torch.uint8)
            top, left = size // 10 + number % 2, size // 10 + number // 2 % 2
            pixels[top : top + len(ink), left : left + len(ink)] = ink
            Image.fromarray((255 - pixels if paper else pixels).numpy()).save(root / f"c{c}" / f"{number}.png")
    return root
