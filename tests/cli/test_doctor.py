"""``tokay doctor``."""

import json
from pathlib import Path

from .helpers import Call, refused, write_letters


def test_a_run(call: Call, proto_run: Path, sine_run: Path) -> None:
    for run in (proto_run, sine_run):
        result = call("doctor", run)
        assert result.code == 0, result.err
        report = json.loads(call("doctor", run, "--json").out)
        lines = [f"{finding['name']}: {finding['text']}" for finding in report["findings"]]
        assert result.out.splitlines() == (lines or ["Nothing was found."])


def test_a_support_set(call: Call, proto_run: Path, tmp_path: Path) -> None:
    letters = write_letters(tmp_path / "letters", classes=3, files=3)
    (letters / "c2" / "0.png").write_bytes((letters / "c1" / "0.png").read_bytes())
    (letters / "c0" / "0.png").unlink()
    (letters / "c0" / "1.png").unlink()
    words = ("doctor", proto_run, "--support", letters, "--query", letters / "c1", "--json")
    result = call(*words)
    assert result.code == 0, result.err
    assert {"class counts", "two labels", "overlap"} <= {f["name"] for f in json.loads(result.out)["findings"]}
    upside = json.loads(call(*words, "--invert", "no").out)["findings"]
    assert "unlike training" in {finding["name"] for finding in upside}


def test_what_is_refused(call: Call, proto_run: Path, tmp_path: Path) -> None:
    refused(call("doctor", proto_run, "--query", tmp_path), "--query is compared with --support. Give both")
    refused(call("doctor", tmp_path), "is no run folder")
    refused(call("doctor", proto_run, "--support", tmp_path / "none"), "No such file or directory")
