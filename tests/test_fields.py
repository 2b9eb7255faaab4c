"""Field benchmarks: their simple models have the closed forms that they name, and their pages have the figures of the JSON."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from .test_benchmarks import BENCHMARKS, module

pandas = pytest.importorskip("pandas")
PAGES = Path(__file__).parent.parent / "docs" / "fields"


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return module("fields/patient_models.py")


@pytest.fixture
def tables(models: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setitem(sys.modules, "patient_models", models)
    return module("fields/parkinsons_tables.py")


def recordings(patients: int = 8, rows: int = 70) -> Any:
    """Patients whose score is a line in time, with a slope of their own, in a column order that is not that of time."""
    random = np.random.default_rng(0)
    frames = []
    for patient in range(1, patients + 1):
        times = random.permutation(np.arange(rows) * 2.5)
        score = 20 + patient + (random.normal() * times / 100)
        frames.append(
            pandas.DataFrame(
                {
                    "subject#": patient,
                    "age": 60 + patient,
                    "test_time": times,
                    "motor_UPDRS": score,
                    "voice": random.normal(size=rows),
                }
            )
        )
    frame = pandas.concat(frames, ignore_index=True)
    return frame.assign(recording=range(len(frame)))


def task(models: ModuleType) -> tuple[Any, Any]:
    """Support rows at times 0, 10, 20 with scores 1, 2, 6, and queries at 5, 30."""
    columns = {"subject#": 1, "voice": [0.0, 1.0, 0.5]}
    support = pandas.DataFrame({**columns, "test_time": [10.0, 0.0, 20.0], "motor_UPDRS": [2.0, 1.0, 6.0]})
    return support, pandas.DataFrame({"test_time": [5.0, 30.0], "motor_UPDRS": [1.5, 9.0], "voice": [0.0, 1.0]})


def test_models_of_one_patient(models: ModuleType) -> None:
    support, query = task(models)
    assert models.mean(support, query).tolist() == [3, 3]
    assert models.line(support, query) == pytest.approx([3 - 0.25 * 5, 3 + 0.25 * 20])
    assert models.interpolation(support, query).tolist() == [1.5, 6]
    assert models.coefficients(support) == (3, 0.25)


def test_the_factor_of_the_slope_is_that_of_the_training_tasks(models: ModuleType) -> None:
    """If scores of queries rise half as much as their lines say, the slope is halved."""
    support, query = task(models)
    half = query.assign(motor_UPDRS=3 + (models.line(support, query) - 3) / 2)
    model = models.fit_shrunk_line([(support, half), (support, half[1:])])
    assert model(support, query) == pytest.approx(half["motor_UPDRS"].tolist())


def test_the_offset_corrects_the_mean_error(models: ModuleType) -> None:
    support, query = task(models)
    model = models.with_offset(lambda support, rows: rows["test_time"].to_numpy())
    assert model(support, query).tolist() == [5 - 7, 30 - 7]


def test_the_mixed_model_predicts_as_penalised_least_squares(models: ModuleType) -> None:
    """The best linear unbiased prediction minimises the squared errors over the noise, plus b' spread^-1 b."""
    support, query = task(models)
    spread, noise = np.array([[2.0, 0.3], [0.3, 1.0]]), 0.5
    model = models.MixedModel(np.array([1.0, 2.0]), spread, noise)
    x = model.design(support)
    residuals = support["motor_UPDRS"].to_numpy() - x @ model.beta
    b = np.linalg.solve(x.T @ x / noise + np.linalg.inv(spread), x.T @ residuals / noise)
    assert model(support, query) == pytest.approx(model.design(query) @ (model.beta + b))


def test_ridge_sees_only_the_support_rows(models: ModuleType) -> None:
    """In its closed form, with features scaled by the training patients."""
    pytest.importorskip("sklearn")
    support, query = task(models)
    training = recordings()[["subject#", "test_time", "motor_UPDRS", "voice"]]
    inputs = training[["test_time", "voice"]]
    scale = lambda frame: ((frame[["test_time", "voice"]] - inputs.mean()) / inputs.std(ddof=0)).to_numpy()  # noqa: E731
    x, y = scale(support), support["motor_UPDRS"].to_numpy()
    centred = x - x.mean(0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(2), centred.T @ (y - y.mean()))
    predictions = models.fit_ridge(training)(support, query)
    assert predictions == pytest.approx(y.mean() + (scale(query) - x.mean(0)) @ weights)


def test_every_model_answers_every_row(models: ModuleType) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("statsmodels")
    frame = recordings()
    noisy = frame.assign(motor_UPDRS=frame["motor_UPDRS"] + np.random.default_rng(1).normal(size=len(frame)))
    tasks = [(rows[:10], rows[10:]) for _, rows in noisy.groupby("subject#")]
    support, query = tasks[0]
    hidden = query.assign(motor_UPDRS=np.nan)
    for name, model in models.fit_all(noisy, tasks).items():
        predictions = model(support, hidden)
        assert predictions.shape == (60,), name
        assert np.isfinite(predictions).all(), name


def test_each_patient_is_tested_once(tables: ModuleType) -> None:
    frame = recordings(42, 101)
    folds = [tables.divide(frame, fold).groupby("subject#")["split"].first() for fold in range(5)]
    for patient in frame["subject#"].unique():
        assert [fold[patient] for fold in folds].count("test") == 1
    assert all((fold == "validation").sum() == 6 for fold in folds)


@pytest.mark.parametrize("protocol", ["forecast", "random"])
def test_simple_models_see_the_support_rows_of_the_source(tables: ModuleType, tmp_path: Path, protocol: str) -> None:
    """The rows are those of the patient; a forecast learns from the first ten in time; residuals are those of the support."""
    frame = tables.divide(recordings(12, 101), 0)
    frame.to_csv(tmp_path / "recordings.csv", index=False)
    tasks = tables.source_tasks(frame, tmp_path / "recordings.csv", protocol, "test")
    assert {task.patient for task in tasks} == {str(n) for n in frame.loc[frame["split"] == "test", "subject#"]}
    for patient, support, query in tasks:
        assert len(support) == 10
        numbers = [*support["recording"], *query["recording"]]
        assert sorted(numbers) == frame.index[frame["subject#"] == int(patient)].tolist()
        if protocol == "forecast":
            assert support["test_time"].tolist() == [2.5 * n for n in range(10)]
            assert query["test_time"].min() > support["test_time"].max()
    table = tables.residual_table(frame, tmp_path / "recordings.csv", protocol, "line")
    assert table["motor_UPDRS"].abs().max() < 1e-9, "the scores are lines, and the line leaves nothing"
    rows = table[table["subject#"] == tasks[0].patient].sort_values("place")
    assert rows["recording"].tolist()[:10] == tasks[0].support["recording"].tolist()


def test_residuals_do_not_depend_on_query_targets(tables: ModuleType, tmp_path: Path) -> None:
    """If the targets of the queries of a test patient change, its inputs and its residuals of support rows stay."""
    frame = tables.divide(recordings(12, 101), 0)
    frame.to_csv(tmp_path / "recordings.csv", index=False)
    support = tables.source_tasks(frame, tmp_path / "recordings.csv", "random", "test")[0].support["recording"]
    is_query = (frame["subject#"] == frame["subject#"][support.iloc[0]]) & ~frame["recording"].isin(support)
    other = frame.assign(motor_UPDRS=frame["motor_UPDRS"].where(~is_query, 99.0))
    for residual in ("mean", "line", "interpolation"):
        first, second = (
            tables.residual_table(f, tmp_path / "recordings.csv", "random", residual) for f in (frame, other)
        )
        changes = (first != second).to_numpy()
        assert first.columns[changes.any(0)].tolist() == ["motor_UPDRS"], residual
        assert changes.any(1).sum() == is_query.sum(), residual


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the rows of the table below a heading."""
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [
        [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", section, re.M)[2:]
    ]


@pytest.mark.parametrize("protocol", ["forecast", "random"])
def test_the_page_has_the_figures_of_the_json(protocol: str) -> None:
    page = (PAGES / "parkinsons.md").read_text(encoding="utf-8")
    report = json.loads((BENCHMARKS / "fields" / "results" / "parkinsons.json").read_text())
    results = {row["model"]: row for row in report["results"] if row["protocol"] == protocol}
    cells = rows_of(page, {"forecast": "Forecast", "random": "Ten random recordings"}[protocol])
    assert sorted(row[0] for row in cells) == sorted(results), "every model has a row"
    for model, mae, difference in cells:
        result = results[model]
        assert mae == f"{result['mae']['mean']:.2f} ± {result['mae']['ci95']:.2f}", model
        figures = f"{result['difference']['mean']:+.2f} ± {result['difference']['ci95']:.2f}"
        assert difference == ("best simple model" if model == result["best_simple"] else figures), model


def test_results_of_parkinsons_have_all_fields() -> None:
    report = json.loads((BENCHMARKS / "fields" / "results" / "parkinsons.json").read_text())
    for key in ("data", "division", "steps", "seed", "commit", "torch", "threads", "hardware"):
        assert report[key] is not None, key
    for row in report["results"]:
        assert len(row["patients"]) == 42
        assert row["mae"]["mean"] == pytest.approx(np.mean(row["patients"]), abs=1e-4)
        assert ("command" in row) == ("validation_mae" in row)
        assert "/" not in row.get("command", "").replace(f"{row['protocol']}/fold4/", ""), "no path of a machine"
