"""How answers are printed."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import tokay
from tokay import ConfigError, Learner
from tokay.cli.answers_report import as_json, check_format, print_answers, report_inverted
from tokay.learner.answers import Answers
from tokay.learner.file_rows import Place

LEARNER = Learner(tokay.ProtoNet(), nn.Flatten()).fit(torch.eye(2), ["a", "b"])
ANSWERS = Answers(
    places=(Place("x,1.csv", 1), Place("x,1.csv", 2)),
    failures=(),
    inverted=0,
    transductive=False,
    classes=("a", "b"),
    logits=np.array([[0.0, -1000.0], [0.0, 0.0]]),
)


def test_csv_quotes_what_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_answers(LEARNER, ANSWERS, has_csv=True, has_json=False) == 0
    assert capsys.readouterr().out == 'file,row,label,p(a),p(b)\n"x,1.csv",1,a,1.0,0.0\n"x,1.csv",2,a,0.5,0.5\n'


def test_json_of_rows() -> None:
    report = as_json(LEARNER, ANSWERS)
    assert report["predictions"][1] == {
        "file": "x,1.csv",
        "row": 2,
        "class": "a",
        "probabilities": {"a": 0.5, "b": 0.5},
    }
    json.dumps(report)


def test_failures_give_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    answers = Answers(**{**vars(ANSWERS), "failures": ("x is [bad]",)})
    assert print_answers(LEARNER, answers, has_csv=False, has_json=False) == 1
    assert capsys.readouterr().err == "x is [bad]\n"


def test_notes_and_formats(capsys: pytest.CaptureFixture[str]) -> None:
    report_inverted(0, 3)
    assert capsys.readouterr().err == ""
    report_inverted(2, 3)
    assert capsys.readouterr().err.startswith("Inverted 2 of 3 pictures to bright ink on black")
    with pytest.raises(ConfigError, match="--csv and --json exclude each other"):
        check_format("tokay adapt", has_csv=True, has_json=True)
