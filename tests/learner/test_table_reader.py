"""Rows of new tables are encoded with the figures of the training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tokay import ConfigError, DataError
from tokay.learner.reader import decode_reader
from tokay.learner.table_reader import TableReader
from tokay.tasks.table_columns import CategoryColumn, NumberColumn

pandas = pytest.importorskip("pandas")

READER = TableReader(
    columns=(
        NumberColumn("age", 50.0, 10.0, 40.0, True),
        CategoryColumn("code", ("01", "1.50", "missing")),
        CategoryColumn("year", ("1999", "2001")),
    ),
    target="score",
    task_kind="regression",
    mean=100.0,
    std=20.0,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_figures_are_those_of_training(tmp_path: Path) -> None:
    file = write(tmp_path / "q.csv", "year,age,other,code\n2001,70,x,01\n1999.0,,y,1.50\n2002,60,z,NA\n2001,50,z,9\n")
    rows = READER.read_queries([file])
    assert rows.inputs.tolist() == [
        [2.0, 0.0, 1, 0, 0, 0, 0, 1, 0],
        [-1.0, 1.0, 0, 1, 0, 0, 1, 0, 0],  # a missing age is the median of training
        [1.0, 0.0, 0, 0, 1, 0, 0, 0, 1],  # NA is missing, 2002 is another year
        [0.0, 0.0, 0, 0, 0, 1, 0, 1, 0],
    ]
    assert [place.row for place in rows.places] == [1, 2, 3, 4]


def test_codes_that_all_look_like_numbers_stay_text(tmp_path: Path) -> None:
    """With other values in the column, training read 01 as text. Alone, pandas would read 1."""
    file = write(tmp_path / "q.csv", "year,age,code\n2001,70,01\n2001,70,01\n")
    lines = write(tmp_path / "q.jsonl", '{"year": 2001, "age": 70, "code": "01"}\n' * 2)
    assert READER.read_queries([file]).inputs[:, 2].tolist() == [1, 1]
    assert READER.read_queries([lines]).inputs[:, 2].tolist() == [1, 1]


def test_real_targets_are_scaled_and_scaled_back(tmp_path: Path) -> None:
    support = READER.read_support(write(tmp_path / "s.csv", "score,year,age,code\n120,2001,70,01\n90,2001,70,01\n"))
    assert support.targets.tolist() == [1.0, -0.5]
    assert READER.in_units(np.array([1.0, -0.5])).tolist() == [120.0, 90.0]


def test_parquet_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    pandas.DataFrame({"age": [70], "code": ["01"], "year": [2001]}).to_parquet(folder / "a.parquet")
    write(folder / "b.csv", "year,age,code\n2001,70,01\n")
    write(folder / "notes.md", "notes")
    rows = READER.read_queries([folder])
    assert [(Path(file).name, row) for file, row in rows.places] == [("a.parquet", 1), ("b.csv", 1)]
    assert torch.equal(rows.inputs[0], rows.inputs[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must have tables"):
        READER.read_queries([tmp_path / "empty"])


@pytest.mark.parametrize(
    "text, message",
    [
        ("year,age,code\n1,2,3\n", "has no column score"),
        ("score,year,age\n1,1,2\n", "has no column code"),
        ("score,year,age,code\n,1,2,3\n5,1,2,3\n", "row 1 of .* has no value in the column score"),
        ("score,year,age,code\nmany,1,2,3\n5,1,2,3\n", r"such as 'many' \(row 1\)\. Mend them, or remove these rows"),
        ("score,year,age,code\n5,1,old,3\n", r"such as 'old' \(row 1\)\. Mend them, or leave them empty"),
    ],
)
def test_what_cannot_be_learned_from(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        READER.read_support(write(tmp_path / "s.csv", text))


def test_there_and_back() -> None:
    assert decode_reader(json.loads(json.dumps(READER.as_json())), "file") == READER
    classes = TableReader(columns=READER.columns[:1], target="kind", task_kind="classification")
    assert decode_reader(json.loads(json.dumps(classes.as_json())), "file") == classes
    with pytest.raises(DataError, match="reader misses the setting target"):
        TableReader.from_json({"kind": "table", "columns": [], "task_kind": "regression"}, "file")
