import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tokay.core.seeding import generator
from tokay.core.task import Sizes, Split, check_task
from tokay.errors import ConfigError, DataError, TaskError
from tokay.tasks import Text, list_sources
from tokay.tasks.data_folders import data_dir
from tokay.tasks.text_ngrams import hash_ngrams

from .sentence_models import write_encoder, write_lines, write_texts

pytest.importorskip("pandas")

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ONE_EACH = Sizes(ways=1, shots=1, queries=1)


@pytest.fixture
def file(tmp_path: Path, cache: Path) -> Path:
    """Ten labels of six texts."""
    return write_texts(tmp_path / "texts.csv")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("models") / "tiny")


def members(source: Text) -> dict[Split, set[str]]:
    return {
        split: set(source.tasks(split, ONE_EACH).pool.names) if source.has_split(split) else set() for split in SPLITS
    }


def test_is_registered() -> None:
    assert list_sources()["text"] is Text


def test_tasks_of_hashes(file: Path) -> None:
    source = Text(file=str(file), length=20)
    tasks = source.tasks("train", Sizes(ways=3, shots=2, queries=3))
    task = tasks.sample(5, generator(0, "test"))
    check_task(task, tasks.spec, where="test")
    assert (tasks.spec.x_shape, tasks.spec.x_type) == ((20,), "integer")
    assert task.query.x.dtype == torch.int64
    word = task.query.x[:, :, 0]  # the first word of a text is that of its label
    for labels, words in zip(task.query.y.int().argmax(-1), word, strict=True):
        assert len(set(zip(labels.tolist(), words.tolist(), strict=True))) == 3


def test_tasks_of_sentences(file: Path, model: Path, cache: Path) -> None:
    source = Text(file=str(file), encoder="sentence", model=str(model))
    tasks = source.tasks("train", Sizes(ways=3, shots=2, queries=3))
    check_task(tasks.sample(5, generator(0, "test")), tasks.spec, where="test")
    assert (tasks.spec.x_shape, tasks.spec.x_type) == ((8,), "float")
    assert members(source) == members(Text(file=str(file)))
    assert [path.name[:11] for path in cache.iterdir()] == ["text-texts-"]


def test_other_weights_encode_anew(file: Path, model: Path, tmp_path: Path) -> None:
    """The same folder with other weights: a new process would read the old file."""
    from tokay.tasks.text_pools import embedded_pool

    place = shutil.copytree(model, tmp_path / "model")
    source = Text(file=str(file), encoder="sentence", model=str(place))
    first = source.tasks("train", ONE_EACH).pool.images
    embedded_pool.cache_clear()
    assert torch.equal(source.tasks("train", ONE_EACH).pool.images, first)
    shutil.rmtree(place)
    write_encoder(place, seed=1)
    embedded_pool.cache_clear()
    with pytest.warns(UserWarning, match="text: .* holds embeddings of other weights, so all texts are encoded anew"):
        assert not torch.equal(source.tasks("train", ONE_EACH).pool.images, first)


def test_labels_are_divided(file: Path) -> None:
    parts = members(Text(file=str(file)))
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 2]
    assert set.union(*parts.values()) == {f"label{number}" for number in range(10)}
    assert members(Text(file=str(file), split_seed=1)) != parts
    assert [len(part) for part in members(Text(file=str(file), validation=0, test=1)).values()] == [0, 0, 10]


def test_domains_are_held_out_whole(file: Path, tmp_path: Path) -> None:
    domains = {f"domain{d}": [f"label{number}" for number in range(10) if number % 5 == d] for d in range(5)}
    (tmp_path / "domains.json").write_text(json.dumps(domains))
    source = Text(file=str(file), domains=str(tmp_path / "domains.json"))
    parts = members(source)
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 2]
    assert all(set(labels) <= part for labels in domains.values() for part in parts.values() if part & set(labels))
    assert "2 test labels in" in source.describe_classes()
    assert "(test domains: domain" in source.describe_classes()


def test_a_column_of_domains_and_one_of_splits(tmp_path: Path) -> None:
    rows = [
        f"text {n} {m},label{n},area{n // 2},{('train', 'train', 'test')[n // 2]}" for n in range(6) for m in range(2)
    ]
    file = str(write_lines(tmp_path / "x.csv", ["text,label,area,part", *rows]))
    parts = members(Text(file=file, group="area", validation=0))
    assert sorted(parts["test"]) in (["label0", "label1"], ["label2", "label3"], ["label4", "label5"])
    assert len(parts["train"] - parts["test"]) == 4
    source = Text(file=file, split="part")
    assert members(source) == {
        "train": {"label0", "label1", "label2", "label3"},
        "validation": set(),
        "test": {"label4", "label5"},
    }
    assert source.describe_classes() == (
        f"text: 4 training, 0 validation and 2 test labels in {file} (column part); without validation labels the last "
        "weights are kept, not the best"
    )
    with pytest.raises(ConfigError, match=r"no validation labels, because the column part of .* has none. Give some"):
        source.tasks("validation", ONE_EACH)


def test_the_division_of_a_run_stays(file: Path) -> None:
    source = Text(file=str(file))
    division: dict[Split, list[str]] = {"train": ["label3", "label1"], "validation": [], "test": ["label2", "gone"]}
    kept_source = source.keep_classes(division)
    assert kept_source == source
    assert members(kept_source) == {"train": {"label1", "label3"}, "validation": set(), "test": {"label2"}}
    assert len(members(source.keep_classes(division, add_new=True))["test"]) == 8
    with pytest.raises(
        ConfigError, match=r"there are no validation labels, because the run keeps none. Train a new run"
    ):
        kept_source.tasks("validation", ONE_EACH)


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    source = Text(file=str(file), test=0, validation=0)
    first = source.tasks("train", ONE_EACH).pool
    with file.open("a") as lines:
        lines.write("something new,label3\n")
    second = source.tasks("train", ONE_EACH).pool
    assert int(second.counts.sum()) == int(first.counts.sum()) + 1
    assert [
        a for a, b in zip(first.names, zip(first.hashes, second.hashes, strict=True), strict=True) if b[0] != b[1]
    ] == ["label3"]


def test_paths_are_absolute(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    source = Text(file=file.name, domains="d.json", encoder="sentence", model="m")
    assert (source.file, source.domains, source.model) == tuple(
        str(file.parent / name) for name in ("texts.csv", "d.json", "m")
    )


def test_new_texts_are_encoded_like_those_of_the_tasks(file: Path, model: Path) -> None:
    text = "rain the sun"
    hashed = Text(file=str(file), ngrams=(2, 3), length=9)
    assert torch.equal(hashed.encode([text]), hash_ngrams([text], (2, 3), 9).long())
    row = hashed.tasks("train", ONE_EACH).pool
    assert row.images.shape[1] == 9
    sentences = Text(file=str(file), encoder="sentence", model=str(model)).encode([text, "sun"])
    assert sentences.shape == (2, 8)


def test_what_is_left_out_is_said(file: Path) -> None:
    with file.open("a") as lines:
        lines.write("one,tiny\nout,none\nout again,none\npaya the pay 0,label0\n")
    source = Text(file=str(file), skip_small=2, out_of_scope="none")
    assert source.describe_classes() == (
        f"text: 6 training, 2 validation and 2 test labels in {file}; 1 with fewer than 2 texts left out (tiny 1); texts of "
        "a label that occur again: 1, left out; texts out of scope: 2, kept aside"
    )
    assert source.out_of_scope_texts() == ["out", "out again"]
    assert source.encode(source.out_of_scope_texts()).shape == (2, 128)


def test_labels_with_few_texts(file: Path) -> None:
    with file.open("a") as lines:
        lines.write("one,tiny\n")
    source = Text(file=str(file), validation=0, test=0)
    assert "tiny" not in source.tasks("train", Sizes(ways=2, shots=1, queries=2)).pool.names
    expected = "text: left out 1 of 11 training classes, with fewer than 3 texts (tiny 1)"
    assert source.describe_omissions("train", Sizes(ways=2, shots=1, queries=2)) == expected
    with pytest.raises(
        TaskError, match=r"text \(train\): 1 shots \+ 90 queries need 91 texts of each of 2 classes, 11 of 11"
    ):
        source.tasks("train", Sizes(ways=2, shots=1, queries=90))
    with pytest.raises(TaskError, match=r"text \(test\): an episode of 5 ways needs 5 classes, this split has 2"):
        Text(file=str(file), skip_small=2).tasks("test", Sizes(ways=5, shots=1, queries=1))


def test_one_label_in_all(tmp_path: Path) -> None:
    file = str(write_lines(tmp_path / "x.csv", ["text,label", "a,x", "b,x"]))
    with pytest.raises(DataError, match=r"must be more than 1 validation \+ 1 test labels, got 1. Add labels"):
        Text(file=file).has_split("train")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"encoder": "words"}, "encoder must be hashed or sentence, got 'words'."),
        ({"validation": 0.5, "test": 0.5}, "leave classes to train on, got 0.5 and 0.5."),
        ({"skip_small": -1}, "skip_small must not be negative, got -1."),
        ({"model": "folder"}, "--model is for --encoder sentence, got hashed. Leave it out."),
        ({"encoder": "sentence", "length": 9}, "--length and --ngrams are for --encoder hashed. Leave them out."),
        ({"ngrams": (4, 3)}, "ngrams must be two sizes from 1 up and length at least 1, got 4 3 and 128."),
        ({"length": 0}, "length at least 1, got 3 4 and 0."),
        ({"split": "a", "group": "b"}, "--split and --group all say how labels are divided. Give one of them."),
        ({"split": "a", "test": 0.1}, "the column a divides the labels already, so --test must be left out."),
        ({"text": "label"}, "text, label, split and group must be different columns, got label, label."),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Text(file="anywhere.csv", **settings)
    assert str(caught.value).endswith(message)
    assert str(caught.value).startswith("text: ")


def test_a_split_without_labels_says_what_to_do(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Text(file=str(file), test=0).tasks("test", ONE_EACH)
    assert str(caught.value) == (
        "text: there are no test labels, because test is 0. Raise it, or score a run on other texts: --on 'text --file FILE "
        "--encoder hashed --test 1'."
    )


def test_the_usual_network() -> None:
    assert Text.default_network("conv4", None) == Text.default_network("conv4", "linear", "hashed") == "ngrams"
    assert Text.default_network("conv4", None, "sentence") == "residual"
    assert Text.default_network("conv4", "linear", "sentence") == "linear"


@pytest.mark.data
@pytest.mark.skipif(not (data_dir() / "clinc150").is_dir(), reason="TOKAY_DATA names no folder with clinc150/")
def test_clinc150() -> None:
    folder = data_dir() / "clinc150"
    source = Text(file=f"{folder}/data_full.json", domains=f"{folder}/domains.json", validation=0)
    parts = members(source)
    assert [len(parts[split]) for split in SPLITS] == [120, 0, 30]
    pool = source.tasks("test", ONE_EACH).pool
    assert set(pool.counts.tolist()) <= {149, 150}
    assert len(source.out_of_scope_texts()) == 1200
    assert len(source.out_of_scope_texts("test")) == 1000
