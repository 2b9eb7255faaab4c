"""The blocks of docs/scikit-learn.md run, one after the other, and its table of exceptions is that of the checks."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .test_contract import EXPECTED_FAILED_CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "scikit-learn.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert len(BLOCKS) == PAGE.count("```python") > 4
    fast = 'config=tokay.FitConfig(validate_every=0), network="mlp", out='
    for block in BLOCKS:
        exec(re.sub(r"\bsteps=\d+", "steps=2", block).replace("out=", fast), names)
    assert names["classifier"].classes_.tolist() == ["cat", "dog", "eel", "fox"]
    assert names["search"].best_score_ > 0.8
    assert np.isfinite(names["regressor"].predict(names["x"])).all()
    assert (tmp_path / "sines.learner").is_file()


def test_every_exception_is_on_the_page() -> None:
    section = PAGE.partition("## What `check_estimator` says")[2]
    for (cls, model), checks in EXPECTED_FAILED_CHECKS.items():
        assert f'{cls.__name__}("{model}")' in section
        assert all(f"`{check}`" in section for check in checks)
