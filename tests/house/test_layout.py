"""The shape of the repository: where things are, what may import what, and what no file may hold."""

import ast
import inspect
import re
import sys
from functools import cache
from pathlib import Path

import pytest

import tokay
from tokay.cli.main import COMMANDS
from tokay.core.algorithm import Algorithm

from .files import FILES, ROOT, each_file, part, tree

MOST_LINES = 260

# From the bottom up. Who is on a layer imports from those below, and from its own part of the layer.
LAYERS = (
    ("errors", "_version"),
    ("files",),
    ("core",),
    ("networks", "tasks", "algorithms"),
    ("evaluation", "figures", "learner", "training", "runs"),
    ("cli", "sklearn"),
    ("api", "__init__"),
    ("__main__", "conformance"),
)
MAY_IMPORT_NOTHING_BUT = {"core": {"torch", *sys.stdlib_module_names}}

METHOD_FILES = [path for path in FILES if part(path) == "algorithms" and path.name != "__init__.py"]
# A method with helpers that no other method uses is a folder, named like its file.
METHOD_FOLDERS = {path.parent.name for path in METHOD_FILES if path.stem == path.parent.name}

each_algorithm = pytest.mark.parametrize("name", sorted(tokay.list_algorithms()))


@cache
def imports(path: Path) -> frozenset[str]:
    """The dotted names of the modules that a file imports, anywhere in it."""
    package = path.parent.parts
    modules_imported: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            modules_imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            # `from . import x` may name a module or a thing in one.
            inside = {f"{module}.{alias.name}" for alias in node.names}
            modules = {name for name in inside if _file_of(name)}
            modules_imported |= modules or {module}
    return frozenset(modules_imported)


def _file_of(module: str) -> Path | None:
    path = Path(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / p).is_file()), None)


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


def ours(path: Path) -> list[Path]:
    """The files of Tokay that a file imports."""
    return [file for name in imports(path) if name.split(".")[0] == "tokay" and (file := _file_of(name))]


def breaches(path: Path) -> list[str]:
    """The imports of a file that do not point downwards."""
    upward = []
    for other in ours(path):
        a, b = layer(part(path)), layer(part(other))
        sideways = a == b and part(path) != part(other) and len(LAYERS[a]) > 1 and LAYERS[a][0] == "networks"
        if a < b or sideways:
            upward.append(f"{path} imports {other}")
    return upward


@each_file
def test_imports_point_one_way(path: Path) -> None:
    assert not breaches(path)


@each_file
def test_the_core_imports_torch_alone(path: Path) -> None:
    allowed = MAY_IMPORT_NOTHING_BUT.get(part(path))
    if allowed is None:
        return
    assert {name.split(".")[0] for name in imports(path)} - {"tokay"} <= allowed


def test_no_module_imports_itself_in_a_circle() -> None:
    visited: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(map(str, (*trail[trail.index(path) :], path)))
        if path not in visited:
            for other in ours(path):
                if other != path:
                    visit(other, (*trail, path))
            visited.add(path)

    for path in FILES:
        visit(path, ())


def test_every_file_is_on_a_layer() -> None:
    layered = {name for names in LAYERS for name in names}
    assert {part(path) for path in FILES} <= layered


def test_breaches_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself, on imports that must not be."""
    upwards = {
        "tokay/core/task.py": "tokay.training.fit",
        "tokay/networks/mlp.py": "tokay.tasks.class_pool",
        "tokay/tasks/class_pool.py": "tokay.algorithms",
        "tokay/training/fit.py": "tokay.cli.formats",
        "tokay/errors.py": "tokay.core.task",
    }
    for file, module in upwards.items():
        monkeypatch.setitem(globals(), "imports", lambda path, module=module: frozenset({module}))
        assert breaches(Path(file)), f"{file} must not import {module}"
    monkeypatch.setitem(globals(), "imports", lambda path: frozenset({"tokay.core.task"}))
    assert not breaches(Path("tokay/tasks/class_pool.py"))


@pytest.mark.parametrize("path", METHOD_FILES, ids=str)
def test_no_algorithm_imports_another(path: Path) -> None:
    """A method in a folder of its own imports from that folder alone."""
    others = [other for other in ours(path) if part(other) == "algorithms"]
    assert not [other for other in others if path.parent.name not in METHOD_FOLDERS or other.parent != path.parent]


# One algorithm: one class in one file, one import line, one test, one line in the documentation.


def file_of(name: str) -> Path:
    """maml -> maml.py, meta-sgd -> meta_sgd.py, maml++ -> mamlpp.py"""
    stem = name.replace("-", "_").replace("+", "p")
    return next((path for path in FILES if part(path) == "algorithms" and path.stem == stem), Path(stem))


@each_algorithm
def test_an_algorithm_is_one_file(name: str) -> None:
    kind = tokay.list_algorithms()[name]
    path = file_of(name)
    assert ".".join(path.with_suffix("").parts) == kind.__module__
    classes = [node for node in tree(path).body if isinstance(node, ast.ClassDef)]
    registering = [node.name for node in classes if any(word.arg == "name" for word in node.keywords)]
    assert registering == [kind.__name__]
    layer_below = kind.__bases__[0]
    assert issubclass(layer_below, Algorithm)
    assert inspect.isabstract(layer_below), "the first base is Algorithm, or an abstract layer on it"
    methods = set(tokay.list_algorithms().values())
    assert not methods & set(kind.__mro__[1:]), "no method inherits from a registered one"


@each_algorithm
def test_an_algorithm_is_one_import_line(name: str) -> None:
    kind = tokay.list_algorithms()[name]
    lines = (ROOT / "tokay/algorithms/__init__.py").read_text(encoding="utf-8").splitlines()
    home = file_of(name)
    home = home.parent if home.stem == home.parent.name else home.with_suffix("")
    module = "." + ".".join(home.relative_to("tokay/algorithms").parts)
    assert lines.count(f"from {module} import {kind.__name__} as {kind.__name__}") == 1
    assert getattr(tokay, kind.__name__) is kind


def test_every_import_line_is_an_algorithm() -> None:
    lines = (ROOT / "tokay/algorithms/__init__.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("from ")]) == len(tokay.list_algorithms())
    single_files = [path for path in METHOD_FILES if path.parent.name not in METHOD_FOLDERS]
    assert len(single_files) + len(METHOD_FOLDERS) == len(tokay.list_algorithms()), (
        "what is no algorithm belongs in core/"
    )


@each_algorithm
def test_an_algorithm_has_its_test(name: str) -> None:
    folder = file_of(name).parent.relative_to("tokay")
    assert (ROOT / "tests" / folder / f"test_{file_of(name).stem}.py").is_file()


@each_algorithm
def test_an_algorithm_is_its_own_documentation(name: str) -> None:
    """The reference is built from docstrings: the file's names the paper that the class names."""
    page = ast.get_docstring(tree(file_of(name))) or ""
    assert len(page) > 200, f"{file_of(name).name} must say what the method minimises and what deviates from its paper"
    for paper in re.findall(r"arXiv:\d{4}\.\d{5}", tokay.list_algorithms()[name].reference):
        assert paper in page


def test_a_command_is_one_file() -> None:
    for command in COMMANDS:
        assert (ROOT / "tokay/cli" / f"{command}.py").is_file()


# Every file.


def has_code(path: Path) -> bool:
    """Whether there is anything to test: a function or a class."""
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree(path).body)


@pytest.mark.parametrize("path", [p for p in FILES if p.name not in ("__init__.py", "__main__.py")], ids=str)
def test_every_file_has_its_tests(path: Path) -> None:
    """tokay/a/b.py is tested by tests/a/test_b.py, or by test_b_*.py beside it."""
    if not has_code(path) or part(path) == "conformance":  # which is a suite of tests itself
        return
    folder = ROOT / "tests" / path.parent.relative_to("tokay")
    candidates = [folder / f"test_{path.stem}.py", *folder.glob(f"test_{path.stem}_*.py")]
    assert any(file.is_file() for file in candidates), f"{candidates[0].relative_to(ROOT)} is missing"


@each_file
def test_a_file_is_short(path: Path) -> None:
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines: move a function to where it belongs"


@each_file
def test_a_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path))


def test_public_names_are_what_they_are_called() -> None:
    """``from .x import Y as Y``: each public name is re-exported openly."""
    for node in tree(Path("tokay/api.py")).body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name != "*":
            assert all(alias.name == alias.asname for alias in node.names)
