"""A model that was trained on a table takes tables with its columns, and answers in the units of its target."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import tokay
from tokay import Sizes, TaskError
from tokay.sklearn import FewShotClassifier, FewShotRegressor
from tokay.sklearn.table_inputs import table_inputs
from tokay.tasks import Glyphs
from tokay.tasks.table import Table

_RANDOM = np.random.default_rng(0)
_AGE, _SEX = _RANDOM.normal(50, 10, 240), _RANDOM.choice(["f", "m"], 240)
PATIENTS = pandas.DataFrame(
    {
        "patient": np.repeat([f"p{number}" for number in range(20)], 12),
        "age": _AGE,
        "sex": _SEX,
        "dose": 1000 + 10 * (_AGE - 50) + 50 * (_SEX == "f"),
        "ill": np.where(_AGE > 50, "yes", "no"),
    }
)
FEATURES = ["age", "sex"]


def _train(folder: Path, method: Any, target: str, other: str) -> Path:
    PATIENTS.to_csv(folder / "patients.csv", index=False)
    source = Table(file=str(folder / "patients.csv"), task="patient", target=target, without=(other,))
    sizes = Sizes(ways=2 if target == "ill" else 1, shots=2, queries=1)
    tokay.train(method, source, steps=1, test=sizes, training=sizes, out=folder / "run", quiet=True)
    return folder / "run"


def test_targets_keep_their_unit(tmp_path: Path) -> None:
    run = _train(tmp_path, tokay.MAML(inner_lr=0.1, test_steps=20), "dose", "ill")
    rows, doses = PATIENTS[FEATURES], PATIENTS["dose"]
    regressor = FewShotRegressor(run).fit(rows[:60], doses[:60])
    assert abs(regressor.predict(rows[60:]).mean() - 1025) < 60
    assert regressor.feature_names_in_.tolist() == FEATURES
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(regressor)).predict(rows), regressor.predict(rows))
    np.testing.assert_array_equal(
        FewShotRegressor(run).partial_fit(rows[:30], doses[:30]).partial_fit(rows[30:60], doses[30:60]).predict(rows),
        regressor.predict(rows),
    )


def test_columns_and_missing_values_are_those_of_the_run(tmp_path: Path) -> None:
    run = _train(tmp_path, tokay.ProtoNet(), "ill", "dose")
    rows = PATIENTS[FEATURES].copy()
    classifier = FewShotClassifier(run).fit(rows, PATIENTS["ill"])
    rows.loc[0, "age"] = np.nan
    assert classifier.predict(rows[:1]).tolist()[0] in ("no", "yes")
    with pytest.raises(
        TaskError, match=r"must be a pandas\.DataFrame with the columns of the run \(age, sex\), got list"
    ):
        FewShotClassifier(run).fit([[50.0, 1.0]], ["no"])
    with pytest.raises(TaskError, match=r"columns of the run \(age, sex\), sex is missing\. Add it\.$"):
        FewShotClassifier(run).fit(rows[["age"]], PATIENTS["ill"])


def test_other_sources_have_no_columns() -> None:
    assert table_inputs(Glyphs()) is None
