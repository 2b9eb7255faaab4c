"""Random damage to the files of a run folder, as disks, copies and editors do it. A command must work or refuse in one line.

A case is a function of its number, so that a failure can be run again: ``damage(number, folder, other)``.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

FILES = ("run.json", "run.json", "data.json", "metrics.jsonl", "model.safetensors", "state.safetensors", ".lock")
"""settings come twice: they have the most places to damage"""

DEEP: Any = json.loads("[" * 400 + "]" * 400)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 1.5, 0.1, 2**31, 2**63, 10**30, -(10**400), 1e308),
    *(float("nan"), float("inf"), -float("inf"), "", "3", "x" * 5000, "\u0000", "\ud800", "maml", "train"),
    *([], {}, [[]], [None], {"name": "maml"}, {"name": []}, DEEP),
)


def damage(number: int, folder: Path, other: Path) -> str:
    """Damage one file of ``folder``, and say what was done. ``other`` is a sound run of the same method."""
    draw = random.Random(number)
    file = folder / draw.choice([name for name in FILES if name == ".lock" or (folder / name).exists()])
    if file.name == ".lock":
        file.write_text('{"process": 1, "machine": "here", "since": "now"}\n')
    kind = draw.choice((_damage_bytes, _damage_bytes, _damage_json, _damage_json, _damage_place))
    if kind is _damage_json and file.name == ".lock":
        kind = _damage_bytes
    return f"{file.name}: {kind(draw, file, other)}"


def _damage_bytes(draw: random.Random, file: Path, other: Path) -> str:
    content = bytearray(file.read_bytes())
    start = draw.randrange(len(content))
    end = min(len(content), start + draw.choice((1, 2, 8, 100, 10_000)))
    what = draw.choice(("flip", "flip", "digit", "digit", "cut", "empty", "repeat", "insert", "zero", "drop", "text"))
    if what == "flip":
        for _ in range(draw.choice((1, 1, 3))):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif what == "digit":
        places = [index for index, byte in enumerate(content) if chr(byte).isdigit()]
        content[draw.choice(places or [start])] = ord(draw.choice("0123456789"))
    elif what in ("cut", "empty", "drop"):
        content = {"cut": content[:start], "empty": bytearray(), "drop": content[:start] + content[end:]}[what]
    elif what in ("repeat", "zero"):
        content[start:end] = content[start:end] * 2 if what == "repeat" else bytes(end - start)
    else:
        content[start:start] = draw.randbytes(9) if what == "insert" else draw.choice((b"\xff", b"\n", b",", b"NaN"))
    file.write_bytes(bytes(content))
    return f"{what} at {start}"


def _damage_json(draw: random.Random, file: Path, other: Path) -> str:
    """Another value, a missing or repeated key, or another name, in JSON or in the header of a safetensors file."""
    content, head, tail = file.read_bytes(), b"", b""
    if file.suffix == ".safetensors":
        size = int.from_bytes(content[:8], "little")
        content, tail = content[8 : 8 + size], content[8 + size :]
    elif file.suffix == ".jsonl":
        lines = content.splitlines(keepends=True)
        index = draw.randrange(len(lines))
        head, content, tail = b"".join(lines[:index]), lines[index], b"\n" + b"".join(lines[index + 1 :])
    data = json.loads(content)
    change = _change_value(draw, data)
    text = json.dumps(data, indent=2 if file.name in ("run.json", "data.json") else None).replace("\\u2028", "")
    content = text.encode()
    if file.suffix == ".safetensors":
        head = len(content).to_bytes(8, "little")
    file.write_bytes(head + content + tail)
    return change


def _change_value(draw: random.Random, data: Any) -> str:
    """Change ``data`` at one place, and say how."""
    what = draw.choice(("number", "number", "number", "value", "another place", "delete", "rename", "repeat"))
    places = [place for place in _places(data) if place]
    numbers = [place for place in places if type(_value(data, place)) in (int, float)]
    place = draw.choice(numbers if what == "number" and numbers else places)
    parent, key = _value(data, place[:-1]), place[-1]
    if what == "number" and numbers:  # often as good as the one before, so that only the checksum tells it
        parent[key] = draw.choice((parent[key] + 1, parent[key] * 3, parent[key] / 2))
    elif what in ("number", "value") or not isinstance(parent, dict):
        parent[key] = draw.choice(VALUES)
    elif what == "another place":
        parent[key] = deepcopy(_value(data, draw.choice(places)))
    elif what == "repeat":
        parent[f"{key}\u2028"] = draw.choice(VALUES)  # becomes the same key when it is written
    else:
        value = parent.pop(key)
        parent |= {draw.choice((str(key).upper(), f"{key}2", "", "name")): value} if what == "rename" else {}
    return f"{what} at {'.'.join(map(str, place))[:80]}"


def _damage_place(draw: random.Random, file: Path, other: Path) -> str:
    """Another thing in the place of a file."""
    replacements: dict[str, Callable[[], Any]] = {
        "nothing": lambda: None,
        "a folder": file.mkdir,
        "a folder with a file": lambda: (file.mkdir(), (file / "a").touch()),
        "a link to nowhere": lambda: file.symlink_to(file.parent.parent / "nowhere" / "file"),
        "a link to itself": lambda: file.symlink_to(file),
        "a link to a folder": lambda: file.symlink_to(file.parent.parent),
        "a link to another file of the run": lambda: file.symlink_to(draw.choice(rest)),
        "/dev/null": lambda: file.symlink_to("/dev/null"),
        "/dev/zero": lambda: file.symlink_to("/dev/zero"),
        "the file of another run": lambda: (other / file.name).exists() and shutil.copy(other / file.name, file),
        "another file of the run": lambda: shutil.copy(draw.choice(rest), file),
        "a pickle": lambda: file.write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94."),
        "a zip": lambda: file.write_bytes(b"PK\x03\x04" + draw.randbytes(200)),
    }
    what = draw.choice(list(replacements))
    rest = sorted(path for path in file.parent.iterdir() if path.is_file() and path != file)
    file.unlink()
    replacements[what]()
    return what


def _places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield place
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _places(value, (*place, key))


def _value(data: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        data = data[key]
    return data
