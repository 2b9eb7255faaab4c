"""What is read from files of texts, and the message for each file that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokay.errors import ConfigError, DataError
from tokay.tasks.text_files import Columns, LabelledTexts, read_texts, stamp

from .sentence_models import write_lines

pandas = pytest.importorskip("pandas")

PLAIN = Columns(text="text", label="label")
FOUR = ["text,label", "pay the bill,pay", "rain again,weather", "my bill,pay", "snow,weather"]


def read(file: Path, columns: Columns = PLAIN, **settings: Any) -> LabelledTexts:
    return read_texts(file, columns, **{"domains": None, "out_of_scope": None, **settings})


def fault(kind: type[Exception], file: Path, columns: Columns = PLAIN, **settings: Any) -> str:
    with pytest.raises(kind) as caught:
        read(file, columns, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_labels_and_texts_are_sorted(tmp_path: Path) -> None:
    content = read(write_lines(tmp_path / "x.csv", FOUR))
    assert content.texts == {"pay": ["my bill", "pay the bill"], "weather": ["rain again", "snow"]}
    assert content.all_texts() == ["my bill", "pay the bill", "rain again", "snow"]
    counts, names = content.counts_and_names()
    assert (counts.tolist(), names) == ([2, 2], ("pay", "weather"))
    assert (content.splits, content.groups, content.repeats) == (None, None, 0)


def test_the_order_of_the_rows_changes_no_hash_and_a_text_changes_one(tmp_path: Path) -> None:
    first = read(write_lines(tmp_path / "x.csv", FOUR)).hashes()
    assert read(write_lines(tmp_path / "x.csv", [FOUR[0], *FOUR[:0:-1]])).hashes() == first
    changed = read(write_lines(tmp_path / "x.csv", [*FOUR[:4], "snow!,weather"])).hashes()
    assert [a == b for a, b in zip(changed, first, strict=True)] == [True, False]


@pytest.mark.parametrize("kind", ["csv", "semicolons", "tsv", "jsonl", "parquet"])
def test_every_kind_of_file_says_the_same(tmp_path: Path, kind: str) -> None:
    frame = pandas.DataFrame(
        {"utterance": ["pay, now; please", "NA", " rain ", "007"], "intent": ["1", "01", "1", "NA"]}
    )
    file = tmp_path / f"x.{'csv' if kind == 'semicolons' else kind}"
    if kind == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    elif kind == "parquet":
        frame.index = range(5, 9)
        frame.to_parquet(file)
    else:
        separator = {"csv": ",", "semicolons": ";", "tsv": "\t"}[kind]
        frame.to_csv(file, index=False, sep=separator, encoding="utf-8-sig")
    content = read(file, Columns(text="utterance", label="intent"))
    assert content.texts == {"01": ["NA"], "1": ["pay, now; please", "rain"], "NA": ["007"]}


def test_labels_need_not_be_text(tmp_path: Path) -> None:
    for labels, names in (
        ([3.0, 10.0, 3.0], ["10", "3"]),
        ([True, False, True], ["False", "True"]),
        ([5, 7, 5], ["5", "7"]),
    ):
        pandas.DataFrame({"text": ["a", "b", "c"], "label": labels}).to_parquet(tmp_path / "x.parquet")
        assert list(read(tmp_path / "x.parquet").texts) == names


def test_a_text_twice_counts_once(tmp_path: Path) -> None:
    content = read(write_lines(tmp_path / "x.csv", [*FOUR, "snow,weather", " snow ,weather", "snow,pay"]))
    assert content.texts["weather"] == ["rain again", "snow"]
    assert content.texts["pay"] == ["my bill", "pay the bill", "snow"]
    assert content.repeats == 2


def test_small_labels_are_left_out(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "x.csv", [*FOUR, "hm,rare"])
    assert read(file).texts["rare"] == ["hm"]
    content = read(file, fewest=2)
    assert list(content.texts) == ["pay", "weather"]
    assert content.small == {"rare": 1}
    assert "--skip-small 3 leaves out all 3 labels" in fault(DataError, file, fewest=3)


def test_splits_and_domains_of_columns(tmp_path: Path) -> None:
    rows = ["text,label,part,area", "a,x,Train,home", "b,y,dev,home", "c,z,TEST,work", "d,x,training,home"]
    file = write_lines(tmp_path / "x.csv", rows)
    assert read(file, Columns(text="text", label="label", split="part")).splits == {
        "x": "train",
        "y": "validation",
        "z": "test",
    }
    assert read(file, Columns(text="text", label="label", group="area")).groups == {
        "x": "home",
        "y": "home",
        "z": "work",
    }


def test_out_of_scope_texts_are_kept_aside(tmp_path: Path) -> None:
    rows = ["text,label,part", "a,x,train", "b,none,train", "c,none,test", "d,y,test"]
    file = write_lines(tmp_path / "x.csv", rows)
    content = read(file, Columns(text="text", label="label", split="part"), out_of_scope="none")
    assert list(content.texts) == ["x", "y"]
    assert content.out_of_scope == {"train": ["b"], "test": ["c"]}
    assert read(file, out_of_scope="none").out_of_scope == {None: ["b", "c"]}
    assert "no text with the label nome of --out-of-scope. Did you mean none?" in fault(
        ConfigError, file, out_of_scope="nome"
    )


CLINC = {
    "oos_val": [["hm", "oos"]],
    "val": [["b", "x"], ["e", "y"]],
    "train": [["a", "x"], ["c", "y"], ["a", "x"]],
    "test": [["d", "x"]],
    "oos_test": [["ha", "oos"], ["ho", "oos"]],
}


def write_clinc(folder: Path, content: Any = CLINC) -> Path:
    (folder / "data_full.json").write_text(json.dumps(content))
    return folder / "data_full.json"


def test_the_file_of_clinc150(tmp_path: Path) -> None:
    content = read(write_clinc(tmp_path))
    assert content.texts == {"x": ["a", "b", "d"], "y": ["c", "e"]}
    assert content.out_of_scope == {"validation": ["hm"], "test": ["ha", "ho"]}
    assert content.repeats == 1
    (tmp_path / "domains.json").write_text(json.dumps({"home": ["x", "more"], "work": ["y"]}))
    assert read(tmp_path / "data_full.json", domains=tmp_path / "domains.json").groups == {"x": "home", "y": "work"}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"train": [["a", "x", "z"]]}, "entry 1 of train in {file} must be a text and a label, neither empty"),
        ({"train": [["a", "x"], ["  ", "x"]]}, "entry 2 of train in {file} must be a text and a label, neither empty"),
        ({"more": [["a", "x"]]}, "must have lists train, val, test, oos_train ..., got more"),
        ({"val": 3}, "must have lists train, val, test, oos_train ..., got val"),
    ],
)
def test_what_is_wrong_with_a_file_like_clinc150(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write_clinc(tmp_path, {**CLINC, **change})
    assert message.format(file=file) in fault(DataError, file)


def test_clinc150_has_no_columns(tmp_path: Path) -> None:
    columns = Columns(text="text", label="label", split="part")
    assert "which has no columns. Give --domains" in fault(ConfigError, write_clinc(tmp_path), columns)


def test_a_list_of_records_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]))
    assert list(read(tmp_path / "x.json").texts) == ["x", "y"]


@pytest.mark.parametrize(
    "name, rows, message",
    [
        (
            "x.csv",
            [*FOUR[:2], ",pay"],
            "text: row 2 of {file} has no value in the column text. Fill it, or remove the row.",
        ),
        ("x.csv", [*FOUR[:2], '"  ",pay'], "row 2 of {file} has no value in the column text"),
        ("x.csv", [*FOUR[:2], "hm,"], "row 2 of {file} has no value in the column label"),
        ("x.jsonl", ['{"text": "a", "label": "x"}', "", '{"text": "b", "label": "x"}'], "line 2 of {file} is empty"),
        ("x.jsonl", ['{"text": "a", "label": "x"}', "{"], "line 2 of {file} is no JSON"),
        ("x.jsonl", ['{"text": "a", "label": "x"}', '{"text": null, "label": "x"}'], "row 2 of {file} has no value in"),
        (
            "x.jsonl",
            ['{"text": "a", "label": "x"}', '{"text": "b"}'],
            "row 2 of {file} has no value in the column label",
        ),
    ],
)
def test_values_that_are_missing(tmp_path: Path, name: str, rows: list[str], message: str) -> None:
    file = write_lines(tmp_path / name, rows)
    assert message.format(file=file) in fault(DataError, file)


@pytest.mark.parametrize("column", ["text", "label", "split", "group"])
def test_a_column_that_is_not_there(tmp_path: Path, column: str) -> None:
    file = write_lines(tmp_path / "x.csv", FOUR)
    columns = Columns(**{"text": "text", "label": "label", column: "lable"})
    assert f"text: {file} has no column lable. Did you mean label?" in fault(ConfigError, file, columns)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory)" in fault(DataError, tmp_path / "x.csv")
    assert stamp(tmp_path / "x.csv").size == -1


@pytest.mark.parametrize("column", ["split", "group"])
def test_a_label_in_two_splits_or_domains(tmp_path: Path, column: str) -> None:
    file = write_lines(tmp_path / "x.csv", ["text,label,part", "a,x,train", "b,y,train", "c,x,test"])
    message = fault(DataError, file, Columns(**{"text": "text", "label": "label", column: "part"}))
    assert "a label must be in one split or domain, x is in train and, in row 3 of" in message


def test_a_word_that_is_no_split(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "x.csv", ["text,label,part", "a,x,train", "b,y,later"])
    message = fault(DataError, file, Columns(text="text", label="label", split="part"))
    assert "the split in row 2" in message
    assert "got 'later'" in message


@pytest.mark.parametrize(
    "content, message",
    [
        ({"home": ["pays"]}, "it has none of pay (2 of 2 labels). Did you mean pays there? Add them."),
        ({"home": ["pay", "weather"], "work": ["pay"]}, "a label must be in one split or domain, pay is in home and"),
        ({"home": "pay"}, "must be a JSON object with a list of labels for each domain"),
        ([1], "must be a JSON object with a list of labels for each domain"),
    ],
)
def test_what_is_wrong_with_the_domains(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "domains.json").write_text(json.dumps(content))
    assert message in fault(DataError, write_lines(tmp_path / "x.csv", FOUR), domains=tmp_path / "domains.json")
