from pathlib import Path

import pytest
from PIL import Image

from tokay.tasks import image_pools


def write_class(root: Path, name: str, files: int = 3, grey: int = 0) -> None:
    (root / name).mkdir(parents=True)
    for number in range(files):
        Image.new("L", (9, 7), grey + number).save(root / name / f"{number}.png")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and an empty cache in memory."""
    monkeypatch.setenv("TOKAY_CACHE", str(tmp_path / "cache"))
    image_pools.load_pool.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path, cache: Path) -> Path:
    """Ten classes of three or four pictures. The grey value is 20 * class + picture."""
    for index in range(10):
        write_class(tmp_path / "root", f"class{index}", files=3 + index % 2, grey=20 * index)
    return tmp_path / "root"
