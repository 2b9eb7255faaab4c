"""Read the archive of the one-shot runs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tokay.errors import DataError
from tokay.tasks import ClassPool
from tokay.tasks.omniglot_archive import read_runs

from .archives import Entries, drawing, write

REMEDY = "Replace it with the official all_runs.zip, or delete it: Tokay then downloads it."
ITEMS = {1: [3, 1, 2], 2: [2, 3, 1]}  # by run, the class of each item


def entries() -> Entries:
    """Two runs of three ways. The training drawing of class k has ink in column k, an item of class k in column k + 4.
    In the second run, the ink is one column to the left."""
    content: Entries = {}
    for run, classes in ITEMS.items():
        where = f"run{run:02d}"
        content |= {f"{where}/training/class{k:02d}.png": drawing(k + 1 - run) for k in (1, 2, 3)}
        content |= {f"{where}/test/item{i:02d}.png": drawing(k + 5 - run) for i, k in enumerate(classes, 1)}
        lines = [f"{where}/test/item{i:02d}.png {where}/training/class{k:02d}.png" for i, k in enumerate(classes, 1)]
        content[f"{where}/class_labels.txt"] = "\n".join(lines).encode()
    return content


def read(path: Path) -> ClassPool:
    return read_runs(path, size=8, runs=2, ways=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "all_runs.zip", entries())


def test_classes_come_in_the_order_of_the_run_with_their_item(path: Path) -> None:
    pool = read(path)
    assert pool.names == (
        "run01/class01/item02", "run01/class02/item03", "run01/class03/item01",
        "run02/class01/item03", "run02/class02/item01", "run02/class03/item02",
    )  # fmt: skip
    assert pool.counts.tolist() == [2] * 6
    columns = [1, 5, 2, 6, 3, 7, 0, 4, 1, 5, 2, 6]
    for image, column in zip(pool.images[:, 0], columns, strict=True):
        expected = torch.zeros(8, 8, dtype=torch.uint8)
        expected[:, column] = 255
        assert torch.equal(image, expected)


def test_line_ends_and_litter_do_not_matter(path: Path) -> None:
    expected = read(path)
    changed = {name: data.replace(b"\n", b"\r\n") if name.endswith("txt") else data for name, data in entries().items()}
    write(path, changed | {"run01/": b"", "__MACOSX/run01/._item.png": b"x", "run03/class_labels.txt": b""})
    assert torch.equal(read(path).images, expected.images)


def without(name: str) -> Callable[[Entries], Entries]:
    return lambda content: {key: data for key, data in content.items() if key != name}


def labels(change: Callable[[str], str]) -> Callable[[Entries], Entries]:
    name = "run02/class_labels.txt"
    return lambda content: content | {name: change(content[name].decode()).encode()}


UNPAIRED = (
    f"run02/class_labels.txt in ZIP must pair each of 3 test items with a class of its own, but does not. {REMEDY}"
)


@pytest.mark.parametrize(
    "change, message",
    [
        (without("run02/class_labels.txt"), f"ZIP must have the entry run02/class_labels.txt, but does not. {REMEDY}"),
        (without("run01/test/item02.png"), f"ZIP must have the entry run01/test/item02.png, but does not. {REMEDY}"),
        (
            without("run02/training/class03.png"),
            f"ZIP must have the entry run02/training/class03.png, but does not. {REMEDY}",
        ),
        (labels(lambda text: text.rpartition("\n")[0]), UNPAIRED),
        (labels(lambda text: text + "\n" + text.partition("\n")[0]), UNPAIRED),
        (labels(lambda text: text + " more"), UNPAIRED),
        (labels(lambda text: text.replace("class01", "class02")), UNPAIRED),
        (labels(lambda text: text.replace("item01", "item02")), UNPAIRED),
        (labels(lambda text: text.replace("run02", "run01")), UNPAIRED),
        (labels(lambda text: text.replace("run02/test", "../test")), UNPAIRED),
        (labels(lambda text: ""), UNPAIRED),
        (
            lambda content: content | {"run01/test/item01.png": bytes(1 << 21)},
            f"run01/test/item01.png in ZIP must have at most 1048576 bytes, got 2097152. {REMEDY}",
        ),
        (
            lambda content: content | {"run01/class_labels.txt": b" " * (1 << 21)},
            f"run01/class_labels.txt in ZIP must have at most 1048576 bytes, got 2097152. {REMEDY}",
        ),
        (
            lambda content: content | {"run01/test/item01.png": b"hello"},
            "run01/test/item01.png in ZIP is not an image that PIL can read. Remove or convert it.",
        ),
        (lambda content: {}, f"ZIP must have the entry run01/class_labels.txt, but does not. {REMEDY}"),
    ],
)
def test_what_the_archive_must_hold(path: Path, change: Callable[[Entries], Entries], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(write(path, change(entries())))
    assert str(caught.value).replace(str(path), "ZIP") == f"omniglot: {message}"


@pytest.mark.parametrize("content", [b"404: Not Found", b""])
def test_not_a_zip(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^omniglot: .+ is not a valid zip file \(.+\)\. {re.escape(REMEDY)}$"):
        read(path)


def test_labels_that_are_no_text(path: Path) -> None:
    write(path, entries() | {"run01/class_labels.txt": b"\xff\xfe\xff"})
    with pytest.raises(DataError, match="is not a valid zip file"):
        read(path)


def test_a_flipped_byte_is_noticed_or_harmless(path: Path) -> None:
    good, expected = path.read_bytes(), read(path)
    refusals = 0
    for position in range(0, len(good), 3):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x55]) + good[position + 1 :])
        try:
            pool = read(path)
            assert torch.equal(pool.images, expected.images)
            assert pool.names == expected.names
        except DataError:
            refusals += 1
    assert refusals > len(good) / 12
