"""Names are nouns for what they hold: a bare participle or adverb says nothing about a variable."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .files import ROOT

# The words that were used most, and those of their kind.
# `hidden` is missing: it is a word of the field. MLP(hidden=...) is a flag and a key of run.json.
_WORDS = """
asked begun behind being beside brought built called chosen come counted done drawn fallen felt fewer found given
gone grown had held kept known laid learned left looked made meant met moved paid placed ruled said seen sent settled
shown shuffled solved spent spoken standing sure taken thought told tried turned used wanted watched weighed whole
written alike alone along apart before here there together upcoming afterwards
"""
NOT_NOUNS = set(_WORDS.split())
FILES = [path for folder in ("tokay", "tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")]


def bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a file gives, with its line: variables, parameters, functions and classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store(), lineno=line):
                yield name, line
            case ast.arg(arg=name, lineno=line):
                yield name, line
            case ast.FunctionDef(name=name, lineno=line) | ast.ClassDef(name=name, lineno=line):
                yield name, line


def bad_names(tree: ast.AST) -> list[str]:
    return [f"line {line}: {name}" for name, line in bindings(tree) if name.strip("_") in NOT_NOUNS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_nouns(path: Path) -> None:
    assert not bad_names(ast.parse(path.read_text(encoding="utf-8"))), "name it after what it holds"


def test_bad_names_are_seen() -> None:
    code = "found = 1\ndef told(asked): pass\nclass _Kept: pass\nfor done in []: pass\nevaluation = found"
    assert sorted(bad_names(ast.parse(code.replace("_Kept", "kept")))) == [
        "line 1: found",
        "line 2: asked",
        "line 2: told",
        "line 3: kept",
        "line 4: done",
    ]
