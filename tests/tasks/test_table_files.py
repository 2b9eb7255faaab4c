import importlib.util
from pathlib import Path

import pytest

from tokay.errors import ConfigError, DataError
from tokay.tasks import table_files
from tokay.tasks.table_files import check_columns, read_table

pandas = pytest.importorskip("pandas")

ROWS = {"patient": ["a", "b"], "value": [1.5, 2.5]}


def as_rows(path: Path, **settings: object) -> dict[str, list[object]]:
    frame = read_table(path, "table", **settings)  # type: ignore[arg-type]
    assert frame.index.tolist() == list(range(len(frame)))
    return {name: frame[name].tolist() for name in frame.columns}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"patient,value\na,1.5\nb,2.5\n"),
        ("a.CSV", b"patient,value\r\na,1.5\r\nb,2.5\r\n"),
        ("bom.csv", "\ufeffpatient,value\na,1.5\nb,2.5\n".encode()),
        ("bom16.txt", "\ufeffpatient\tvalue\na\t1.5\nb\t2.5\n".encode("utf-16-le")),
        ("german.csv", b"patient;value\na;1,5\nb;2,5\n"),
        ("a.tsv", b"patient\tvalue\na\t1.5\nb\t2.5\n"),
        ("bar.data", b"patient|value\na|1.5\nb|2.5\n"),
        ("a.jsonl", b'{"patient": "a", "value": 1.5}\n{"patient": "b", "value": 2.5}\n\n'),
        ("a.json", b'[{"patient": "a", "value": 1.5},\n\n {"patient": "b", "value": 2.5}]'),
    ],
)
def test_a_file_of_each_form(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert as_rows(tmp_path / name) == ROWS


def test_latin_1(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("größe\n1\n".encode("latin-1"))
    assert as_rows(tmp_path / "a.csv") == {"größe": [1]}


def test_parquet_with_and_without_an_index(tmp_path: Path) -> None:
    frame = pandas.DataFrame(ROWS)
    frame.set_index("patient").to_parquet(tmp_path / "named.parquet")
    frame.set_axis([7, 3]).to_parquet(tmp_path / "unnamed.parquet")
    assert as_rows(tmp_path / "named.parquet") == as_rows(tmp_path / "unnamed.parquet") == ROWS


def test_strings_stay_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x\n007,1\nNA,2\n")
    (tmp_path / "a.jsonl").write_text('{"id": 7, "x": 1}\n{"id": "NA", "x": 2}\n')
    assert as_rows(tmp_path / "a.csv", strings=["id"])["id"] == ["007", "NA"]
    assert as_rows(tmp_path / "a.jsonl", strings=["id"])["id"] == ["7", "NA"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"\xef\xbb\xbf \n", "it is empty"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": 2}\n', "line 2 of .*a.jsonl is empty. Remove it"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', r"line 2 of .*a.jsonl is no JSON \("),
        ("a.jsonl", b'{"a": 1}\n3\n', "line 2 of .* must be an object"),
        ("a.json", b'[{"a": 1}, 3]', "entry 2 of .* must be an object"),
        ("a.json", b"[{]", "cannot be read as JSON"),
        ("a.jsonl", b"{}\n", "must have rows and columns"),
        ("a.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("a.csv", bytes(range(256)) * 20, "must be text, it holds zero bytes. Save it as CSV"),
        ("a.xlsx", b"PK", r"must end in .csv, .*got '.xlsx'. Save it as CSV"),
        ("a.csv.gz", b"PK", "Unpack it"),
        ("a", b"a,b", "must end in"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"^table: .*{message}") as error:
        read_table(tmp_path / name, "table")
    assert "\n" not in str(error.value)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^table: .*gone\.csv cannot be read \(No such file or directory\)\. Check"):
        read_table(tmp_path / "gone.csv", "table")
    with pytest.raises(DataError, match=r"^table: .*clinic cannot be read \(No such file or directory\)\. Check"):
        read_table(tmp_path / "clinic", "table")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="must be a file, it is a folder"):
        read_table(tmp_path / "folder.csv", "table")


def test_a_column_that_is_not_there_names_the_nearest() -> None:
    frame = pandas.DataFrame(columns=["motor_UPDRS", "age"])
    check_columns(frame, ["age", "motor_UPDRS"], "t.csv", "table")
    with pytest.raises(
        ConfigError, match=r"^table: t.csv has no column motor_updr\. Did you mean motor_UPDRS\? It has"
    ):
        check_columns(frame, ["age", "motor_updr"], "t.csv", "table")
    with pytest.raises(ConfigError, match=r"no column q\. It has motor_UPDRS, age\."):
        check_columns(frame, ["q"], "t.csv", "table")
    wide = pandas.DataFrame(columns=[f"c{i}" for i in range(50)])
    with pytest.raises(ConfigError, match=r"c11, \.\.\. \(50 in all\)"):
        check_columns(wide, ["zzz"], "t.csv", "table")


def test_without_pandas_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        table_files, "find_spec", lambda name: None if name == "pandas" else importlib.util.find_spec(name)
    )
    with pytest.raises(ConfigError, match=r"^table: reading tables needs pandas, .* pip install 'tokay\[tables\]'\."):
        read_table(tmp_path / "a.csv", "table")
