"""What no file of the package may hold."""

import ast
from pathlib import Path

import pytest

from .files import FILES, part, tree


def loads_tensors_only(call: ast.Call) -> bool:
    """Whether a call is ``torch.load(..., weights_only=True)``, which runs nothing: for weights that others published."""
    return any(
        keyword.arg == "weights_only" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        for keyword in call.keywords
    )


def faults(module: ast.Module, *, cli: bool) -> list[str]:
    """What no file may hold."""
    faults_here = []
    tensors_only = {
        id(node.func) for node in ast.walk(module) if isinstance(node, ast.Call) and loads_tensors_only(node)
    }
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id="print")) if not cli:
                faults_here.append(f"line {node.lineno}: prints outside the command line")
            case ast.Call(func=ast.Name(id="eval" | "exec")):
                faults_here.append(f"line {node.lineno}: runs text as code")
            case ast.Assert(test=ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)])):
                pass  # tells the type checker what is known
            case ast.Assert():
                faults_here.append(f"line {node.lineno}: asserts; raise an error of tokay.errors that says what to do")
            case ast.ExceptHandler(type=None):
                faults_here.append(f"line {node.lineno}: catches everything")
            case ast.ExceptHandler(type=ast.Name(id="Exception" | "BaseException"), body=[ast.Pass()]):
                faults_here.append(f"line {node.lineno}: swallows everything")
            case ast.Import(names=names) if {n.name.split(".")[0] for n in names} & {"pickle", "dill", "joblib"}:
                faults_here.append(f"line {node.lineno}: pickles")
            case ast.ImportFrom(module="pickle" | "dill" | "joblib"):
                faults_here.append(f"line {node.lineno}: pickles")
            case ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save") if id(node) not in tensors_only:
                faults_here.append(f"line {node.lineno}: pickles; write safetensors")
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                faults_here.append(f"line {node.value.lineno}: unpickles")
    return faults_here


@pytest.mark.parametrize("path", [path for path in FILES if part(path) != "conformance"], ids=str)  # tests assert
def test_a_file_holds_nothing_it_must_not(path: Path) -> None:
    assert not faults(tree(path), cli=part(path) == "cli")


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "def f(x):\n    assert x > 0",
        "try:\n    f()\nexcept:\n    raise",
        "try:\n    f()\nexcept Exception:\n    pass",
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.save(x, path)",
        "np.load(path, allow_pickle=True)",
        "eval('1')",
    ],
)
def test_faults_are_seen(code: str) -> None:
    assert len(faults(ast.parse(code), cli=False)) == 1


def test_what_is_no_fault() -> None:
    fine = "assert x is not None\ntry:\n    f()\nexcept Exception as e:\n    raise E from e\nmodel.load(x)"
    assert not faults(ast.parse(fine), cli=False)
    assert not faults(ast.parse("print(1)"), cli=True)
    assert not faults(ast.parse("torch.load(path, weights_only=True)"), cli=False)
