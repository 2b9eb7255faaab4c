"""The program: finding the command, exit codes, one line per error."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import tokay
from tokay.cli import list as listing
from tokay.cli.main import COMMANDS, main
from tokay.errors import DataError

from .helpers import Call, program, refused


def test_module_and_script_are_one_program() -> None:
    script = subprocess.run(
        [str(Path(sys.executable).with_name("tokay")), "list", "networks"], capture_output=True, text=True, check=True
    )
    module = program("list", "networks")
    assert module.code == 0
    assert module.out == script.stdout
    assert module.err == ""


def test_without_a_command_it_says_how_and_fails(call: Call) -> None:
    result = call()
    assert result.code == 2
    assert all(command in result.out for command in COMMANDS)


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help(call: Call, word: str) -> None:
    result = call(word)
    assert result.code == 0
    assert result.out.startswith("Usage: tokay COMMAND")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main([command, "--help"])
    except SystemExit as left:
        code = left.code or 0
    assert code == 0
    printed = capsys.readouterr()
    assert "usage" in printed.out.lower()
    assert printed.err == ""


def test_version(call: Call) -> None:
    assert call("--version") == (0, f"tokay {tokay.__version__}\n", "")


def test_unknown_command_suggests_the_near_one(call: Call) -> None:
    refused(call("evaluat", "x"), "evaluat", "Did you mean evaluate?", "compare")


def test_unknown_command_in_a_process_of_its_own() -> None:
    refused(program("fly"), "command", "'fly'", "train")


def test_an_error_of_many_lines_becomes_one(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(arguments: Sequence[str]) -> None:
        raise DataError("first\n  second [bold] :smile:")

    monkeypatch.setattr(listing, "run", fails)
    result = call("list")
    refused(result)
    assert result.err == "first second [bold] :smile:\n"


def test_a_long_error_is_not_wrapped(call: Call) -> None:
    refused(call("evaluate", "/nowhere/" + "long" * 60), "long" * 60)


def test_an_error_that_is_not_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(arguments: Sequence[str]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(listing, "run", fails)
    with pytest.raises(ZeroDivisionError):
        main(["list"])


def test_interrupted(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(arguments: Sequence[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "run", stops)
    assert call("list") == (130, "", "Interrupted.\n")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tokay", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("words", [["--import", "json", "--help"], ["--help", "--import=json"]])
def test_help_with_an_import(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("Usage: tokay COMMAND")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"), "not enough memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "not enough memory"),
        (OSError(36, "File name too long", "x" * 300), "File name too long"),
        (PermissionError(13, "Permission denied", "secret"), "secret: Permission denied"),
    ],
)
def test_errors_of_the_machine_are_one_line(
    error: Exception, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(words: object) -> int:
        raise error

    monkeypatch.setattr("tokay.cli.main._run", fail)
    assert main(["list"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert len(err) < 300
    assert expected in err


def test_errors_of_the_program_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: object) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tokay.cli.main._run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["list"])
