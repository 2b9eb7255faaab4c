"""Each finding has a support set with the fault."""

import numpy as np
import torch
from torch import Tensor

from tokay.learner.file_rows import LabelledRows
from tokay.learner.support_diagnosis import diagnose_support

TRAINING = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def pictures(counts: dict[str, int], seed: int = 1) -> LabelledRows:
    labels = np.repeat(list(counts), list(counts.values()))
    x = torch.rand(len(labels), 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    return LabelledRows((255 * x).byte(), labels)


def names_of(rows: LabelledRows, *, shots: int = 1, queries: Tensor | None = None) -> list[str]:
    return [f.name for f in diagnose_support(rows, TRAINING, kind="classification", shots=shots, queries=queries)]


def test_a_sound_support_set() -> None:
    assert names_of(pictures({"a": 3, "b": 4}), shots=3, queries=pictures({"c": 5}, seed=2).inputs) == []


def test_class_counts() -> None:
    assert names_of(pictures({"a": 1, "b": 4}), shots=3) == ["class counts"]
    assert names_of(pictures({"a": 2, "b": 20}), shots=1) == ["class counts"]


def test_overlap() -> None:
    rows = pictures({"a": 2, "b": 2})
    assert names_of(rows, queries=rows.inputs[:1]) == ["overlap"]
    twice = LabelledRows(rows.inputs[[0, 1, 2, 0]], rows.targets)
    assert names_of(twice) == ["two labels"]


def test_inputs_unlike_those_of_training() -> None:
    rows = pictures({"a": 2, "b": 2})
    dark = LabelledRows(rows.inputs // 20, rows.targets)
    assert names_of(dark) == ["unlike training"]


def test_real_targets_have_no_counts() -> None:
    rows = LabelledRows(TRAINING[:4], np.arange(4.0))
    assert diagnose_support(rows, TRAINING, kind="regression", shots=10) == []
