"""Letters against oracles: the rasteriser of matplotlib, the affine jitter pixel by pixel, and Unicode data."""

import unicodedata
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageFilter

from tokay.core.task import Sizes, check_task
from tokay.errors import ConfigError, DataError, TaskError
from tokay.tasks import glyphs
from tokay.tasks.glyphs import EXAMPLES, SCRIPTS, Glyphs

from .drawings import cosines, jitter_slowly, plain

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache folder only for this module. The cache in memory is cleared before and after."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKAY_CACHE", str(folder))
        glyphs._pool.cache_clear()
        yield folder
    glyphs._pool.cache_clear()


@pytest.fixture(scope="module")
def pools(cache):
    return {split: glyphs._pool(split, 0, 28) for split in SPLITS}


def span(inked: torch.Tensor) -> torch.Tensor:
    """The distance from the first to the last true value of each row."""
    return inked.shape[1] - inked.int().argmax(1) - inked.flip(1).int().argmax(1)


def test_splits_have_enough_letters_of_their_own_scripts(pools):
    assert len(pools["train"].names) > 900
    assert len(pools["validation"].names) > 80
    assert len(pools["test"].names) > 200
    scripts = [script for split in SPLITS for script in SCRIPTS[split]]
    assert len(scripts) == len(set(scripts)) == 15
    for split in SPLITS:
        assert {name.split("/")[0] for name in pools[split].names} == set(SCRIPTS[split])


def test_names_are_base_letters_and_in_one_split_only(pools):
    names = [name for split in SPLITS for name in pools[split].names]
    characters = [name.split("/")[1] for name in names]
    assert len(set(characters)) == len(names)
    for name, character in zip(names, characters, strict=True):
        assert unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lo"}
        assert unicodedata.name(character).startswith(name.split("/")[0].upper())
        assert unicodedata.normalize("NFKD", character) == character
    assert {"Latin/A", "Latin/a", "Cyrillic/Ж", "Canadian Syllabics/ᐁ"} <= set(pools["train"].names)
    assert {"Georgian/ა", "Hebrew/א", "Lao/ກ"} <= set(pools["test"].names)


def test_images_are_ink_on_an_empty_background(pools):
    for pool in pools.values():
        images = pool.images
        assert images.dtype == torch.uint8
        assert images.shape == (EXAMPLES * len(pool.names), 1, 28, 28)
        assert pool.counts.tolist() == [EXAMPLES] * len(pool.names)
        border = torch.cat([images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]], -1)
        assert border.max() == 0  # nothing is clipped
        assert images.amax((1, 2, 3)).min() > 200
        ink = images.float().mean((1, 2, 3)) / 255
        assert ink.min() > 0.015
        assert ink.max() < 0.6
        # A letter fills its frame, as in Omniglot: its longer side is about 21 pixels, changed by the jitter.
        longer = torch.stack([span((images[:, 0] > 40).any(axis)) for axis in (1, 2)]).amax(0)
        assert longer.min() >= 15
        assert longer.max() <= 26
        assert 20 < longer.float().mean() < 24


def test_no_drawing_is_in_two_classes(pools):
    owner: dict[bytes, str] = {}
    for pool in pools.values():
        for number, image in enumerate(pool.images.numpy()):
            assert owner.setdefault(image.tobytes(), pool.names[number // EXAMPLES]) == pool.names[number // EXAMPLES]
    assert len(owner) == sum(len(pool.images) for pool in pools.values())  # no drawing is twice in one class


def test_look_alikes_are_one_class(pools):
    every = {name.split("/")[1] for pool in pools.values() for name in pool.names}
    # Latin letters that look like letters of other scripts, or like their other case
    for same in (
        "A\u0391\u0410\ua4ee",
        "Oo\u039f\u03bf\u041e\u043e\u0555\u0585\ua4f3",
        "Vv\u142f\ua4e6",
        "Xx\u03a7\u0425\u0445\ua4eb",
        "Ss\u0405\u0455\ua4e2",
        "Zz\u0396\ua4dc",
        "H\u0397\u041d\ua4e7",
        "T\u03a4\u0422\u0442\ua4d4",
        "\u039b\u0245\u028c\u1431",
    ):
        assert len(every & set(same)) == 1, same
    # The pictures come from another rasteriser, so the cosines differ a little from those of the code.
    pictures, splits, characters = [], [], []
    for split in SPLITS:
        for name in pools[split].names:
            picture = plain(name.split("/")[1])
            if picture is not None:  # only the Serif fonts have some of the letters
                pictures.append(picture)
                splits.append(split)
                characters.append(name.split("/")[1])
    assert len(pictures) > 0.98 * len(every)
    similarity, split = cosines(np.stack(pictures), np.stack(pictures)), np.array(splits)
    np.fill_diagonal(similarity, 0)
    assert similarity.max() < 0.994
    assert similarity[split[:, None] != split].max() < 0.975
    case = np.array([character.lower() for character in characters])
    assert similarity[(case[:, None] == case) & ~np.eye(len(case), dtype=bool)].max() < 0.98


def test_no_class_is_the_box_of_a_missing_character(pools):
    font = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")))
    for pool in pools.values():
        covered = sum(ord(name[-1]) in font.get_charmap() for name in pool.names)
        assert covered > 0.98 * len(pool.names)
    covers = {face: FT2Font(glyphs._file(face)).get_charmap() for face in glyphs._FACES}
    assert len(covers) == 12
    assert all(ord(letter.character) in covers[face] for letter in glyphs._letters() for face in letter.faces)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_drawings_show_the_letter_they_are_named_after(pools, split):
    pool = pools[split]
    reference = np.stack([plain(name.split("/")[1]) for name in pool.names])
    averages = pool.images.view(-1, EXAMPLES, 28, 28).float().mean(1).numpy()  # the jitter averages to a blur
    nearest = cosines(averages, reference).argmax(1)
    assert (nearest == np.arange(len(nearest))).mean() > 0.8


@pytest.mark.parametrize(
    ("jitter", "size"),
    [
        ([0.0] * 6, 28),
        ([0.8, -0.3, 0.2, 0.9, -0.6, 0.7], 28),
        ([-0.5, 1.0, -1.0, -0.7, 1.0, -1.0], 20),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 28),  # would leave the frame
        ([-1.0, -1.0, 1.0, -1.0, -1.0, 0.5], 28),
    ],
)
def test_the_jitter_is_the_affine_map_it_says(jitter, size):
    mask = np.zeros((88, 80), np.uint8)  # an F with a dot: it has no symmetry that could hide a wrong sign
    mask[:, :16] = mask[:16] = mask[36:50, :56] = 255
    mask[70:, 64:] = 255
    image = np.asarray(glyphs._jittered(Image.fromarray(mask), size, jitter), float)
    assert np.abs(image - jitter_slowly(mask, size, jitter)).mean() < 2  # of 255; edges are blurred a little
    assert max(image[0].max(), image[-1].max(), image[:, 0].max(), image[:, -1].max()) == 0


def test_every_face_of_a_letter_takes_its_turn(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda shape, generator, dtype: torch.full(shape, 0.5, dtype=dtype))  # no jitter
    letters = [letter for letter in glyphs._letters() if letter.name in {"Latin/A", "Cyrillic/Ӌ", "Arabic/ب"}]
    monkeypatch.setattr(glyphs, "_letters", lambda: tuple(letters))
    pool = glyphs._draw("train", 0, 28)
    assert [len(letter.faces) for letter in letters] == [12, 11, 4]  # one face draws another letter for Ӌ
    for letter, images in zip(letters, pool.images.split(EXAMPLES), strict=True):
        faces = len(letter.faces)
        assert torch.equal(images[faces:], images[:-faces])
        assert len({image.numpy().tobytes() for image in images}) == faces
        for image, face in zip(images, letter.faces, strict=False):
            blurred = Image.fromarray(image[0].numpy()).filter(ImageFilter.GaussianBlur(1.5))
            expected = plain(letter.character, face)
            assert expected is not None
            assert cosines(np.asarray(blurred, float)[None], expected[None]).item() > 0.98


def test_drawing_is_a_pure_function_of_the_settings(pools):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.rand(3)
    again, other = glyphs._draw("validation", 0, 28), glyphs._draw("validation", 1, 28)
    torch.set_num_threads(threads)
    assert torch.equal(again.images, pools["validation"].images)
    assert again.names == other.names == pools["validation"].names
    assert (again.images != other.images).flatten(1).any(1).all()  # another seed changes every drawing


def test_the_size_changes_pictures_but_not_classes(pools):
    small = glyphs._pool("validation", 0, 14)
    assert small.images.shape[1:] == (1, 14, 14)
    assert small.names == pools["validation"].names
    shrunk = torch.nn.functional.avg_pool2d(pools["validation"].images.float(), 2)
    same, another = (shrunk - small.images.float()).abs().mean(), (shrunk - small.images.roll(1, 0)).abs().mean()
    assert same < another / 4  # the same drawings at half the size


def test_the_cache_is_read_and_rebuilt_when_it_is_damaged_or_stale(pools, cache, monkeypatch):
    expected, file = pools["validation"], cache / "glyphs-validation-28-0.safetensors"
    good, draw = file.read_bytes(), glyphs._draw
    calls = []
    monkeypatch.setattr(glyphs, "_draw", lambda *settings: calls.append(settings) or draw(*settings))

    def load() -> bool:
        """Whether the pool was drawn anew."""
        calls.clear()
        glyphs._pool.cache_clear()
        pool = glyphs._pool("validation", 0, 28)
        assert torch.equal(pool.images, expected.images)
        assert pool.names == expected.names
        assert glyphs._pool("validation", 0, 28) is pool  # from the cache in memory
        return bool(calls)

    assert not load()
    for damaged in (b"", good[:-100], good[:-3] + b"abc", b"not a tensor file"):
        file.write_bytes(damaged)
        assert load()
        assert not load()  # the file is repaired
    file.unlink()
    assert load()
    monkeypatch.setattr(glyphs, "_VERSION", 0)
    assert load()
    monkeypatch.setattr(matplotlib, "__version__", "0")
    assert load()
    assert not list(cache.glob(".*"))  # no temporary files are left
    monkeypatch.undo()
    glyphs._pool.cache_clear()


def test_episodes_fit_their_spec_and_depend_on_the_generator_only(pools):
    source = Glyphs().tasks("test", Sizes(ways=5, shots=2, queries=3))
    task = source.sample(4, torch.Generator().manual_seed(1))
    check_task(task, source.spec, where="test")
    assert task.support.x.shape == (4, 10, 1, 28, 28)
    assert task.query.y.shape == (4, 15, 5)
    assert task.support.x.dtype == torch.float32
    assert task.support.x.min() == 0
    assert task.support.x.max() == 1
    again = source.sample(4, torch.Generator().manual_seed(1))
    other = source.sample(4, torch.Generator().manual_seed(2))
    assert torch.equal(task.query.x, again.query.x)
    assert not torch.equal(task.query.x, other.query.x)


def test_tasks_can_be_learned_and_are_not_trivial(pools):
    task = Glyphs().tasks("test", Sizes()).sample(100, torch.Generator().manual_seed(0))
    nearest = torch.cdist(task.query.x.flatten(2), task.support.x.flatten(2)).argmin(2)  # in pixels
    labels = task.support.y.int().argmax(2).gather(1, nearest)
    accuracy = (labels == task.query.y.int().argmax(2)).float().mean()
    assert 0.5 < accuracy < 0.8


def test_errors_say_what_to_do(pools, monkeypatch, tmp_path):
    for size in (7, 129):
        with pytest.raises(ConfigError, match=f"glyphs: size must be from 8 to 128 pixels, got {size}"):
            Glyphs(size=size)
    with pytest.raises(TaskError, match=r"^glyphs: .*300"):
        Glyphs().tasks("validation", Sizes(ways=300))
    with pytest.raises(TaskError, match=r"^glyphs: .*21"):
        Glyphs().tasks("validation", Sizes(shots=6))
    glyphs._letters.cache_clear()
    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(DataError, match=r"glyphs: .*DejaVuSans.ttf is missing. Install matplotlib from PyPI"):
        Glyphs(jitter_seed=3).tasks("validation", Sizes())
    monkeypatch.undo()
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("TOKAY_CACHE", str(blocked / "cache"))
    with pytest.warns(UserWarning, match=r"glyphs: cannot store .*TOKAY_CACHE"):
        Glyphs(jitter_seed=3).tasks("validation", Sizes())
