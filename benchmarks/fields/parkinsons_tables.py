"""Tables of the Parkinson's benchmark: folds of patients, rows of their tasks, residuals of simple models as targets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
from patient_models import PATIENT, TARGET, TIME, PatientModel, coefficients, fit_pooled, interpolation, line, mean

from tokay.core.task import Sizes, Split
from tokay.tasks import Table
from tokay.tasks.data_folders import data_dir

FOLDS, SEED = 5, 0
SIZES = Sizes(ways=1, shots=10, queries=20)
VALIDATION = 6  # validation patients of a fold: the first of the next fold
VALIDATION_ROWS = 101  # rows of each of them, the fewest that a patient has: tasks of one length are scored together
DRAWS = 20  # training tasks of each patient in a table of residuals
STARTS = 30  # forecasts of training patients start at one of their first recordings
ORDER = {"forecast": ("--order-by", TIME), "random": ()}
RESIDUALS = {"forecast": ("mean", "line", "trees"), "random": ("mean", "line", "interpolation", "trees")}
TIME_INPUTS = (TIME, "days since the support", "level of the support", "slope of the support")


class PatientTask(NamedTuple):
    """The rows of a patient: ten to learn from, and those to predict."""

    patient: str
    support: Any
    query: Any


def read_recordings() -> Any:
    """The 5,875 recordings, with a column that numbers them."""
    frame = pandas.read_csv(data_dir() / "parkinsons" / "parkinsons_updrs.data")
    return frame.assign(recording=range(len(frame)))


def divide(frame: Any, fold: int) -> Any:
    """The recordings with a column ``split``. Each patient is in the test split of one fold.

    Validation patients keep their first ten recordings and some random later ones.
    """
    patients = np.random.default_rng(SEED).permutation(frame[PATIENT].unique())
    words = dict.fromkeys(patients, "train")
    words |= dict.fromkeys(patients[(fold + 1) % FOLDS :: FOLDS][:VALIDATION], "validation")
    words |= dict.fromkeys(patients[fold::FOLDS], "test")
    frame = frame.assign(split=frame[PATIENT].map(words))
    held_out = frame[frame["split"] == "validation"].sort_values(TIME, kind="stable")
    later = held_out[held_out.groupby(PATIENT).cumcount() >= SIZES.shots].groupby(PATIENT)
    sample = later.sample(VALIDATION_ROWS - SIZES.shots, random_state=SEED).index
    surplus = later.obj.index.difference(sample)
    return frame.drop(index=surplus).reset_index(drop=True)


def source_tasks(frame: Any, file: Path, protocol: str, split: Split) -> list[PatientTask]:
    """The tasks that the source ``table`` makes of the recordings in ``file``: what `tokay evaluate` scores."""
    order = TIME if protocol == "forecast" else None
    # Which rows are support rows does not depend on the features. The number of the recording as the only one tells them.
    source = Table(
        file=str(file), task=PATIENT, target=TARGET, columns=("recording",), split="split", order_by=order
    ).resolve()
    by_number = frame.set_index("recording", drop=False)
    tasks, (column,) = source.tasks(split, SIZES), source.contents().encoding.columns

    def rows(x: Any) -> Any:
        return by_number.loc[(x[0, :, 0].double() * column.std + column.mean).round().long().tolist()]

    result = []
    for index, patient in enumerate(source.contents().division[split]):
        task = tasks.part(index, index + 1)
        result.append(PatientTask(patient, rows(task.support.x), rows(task.query.x)))
    return result


def draw_tasks(frame: Any, protocol: str) -> Iterator[PatientTask]:
    """Training tasks with fixed support rows, so that a simple model can be fitted to each of them."""
    random = np.random.default_rng(SEED)
    for patient, rows in frame[frame["split"] == "train"].sort_values(TIME, kind="stable").groupby(PATIENT):
        for draw in range(DRAWS):
            order = random.permutation(len(rows))
            if protocol == "forecast":
                start = int(random.integers(STARTS))
                later = np.sort(random.permutation(np.arange(start + SIZES.shots, len(rows)))[: SIZES.queries])
                order = np.concatenate([np.arange(start, start + SIZES.shots), later])
            chunk = rows.iloc[order[: SIZES.shots + SIZES.queries]]
            yield PatientTask(f"{patient} draw {draw}", chunk[: SIZES.shots], chunk[SIZES.shots :])


def pooled_out_of_fold(frame: Any) -> Any:
    """Predictions of the pooled trees for every row, by its ``recording``, by a model that never saw the patient.

    Training patients are divided into four groups, each predicted from the others.
    """
    training = frame[frame["split"] == "train"]
    models = {None: fit_pooled(training)}
    groups = {patient: index % 4 for index, patient in enumerate(training[PATIENT].unique())}
    for group in range(4):
        models[group] = fit_pooled(training[training[PATIENT].map(groups) != group])
    predictions = np.empty(len(frame))
    for group, model in models.items():
        of_group = frame[PATIENT].map(groups).isna() if group is None else frame[PATIENT].map(groups) == group
        predictions[of_group.to_numpy()] = model(None, frame[of_group])
    return pandas.Series(predictions, index=frame["recording"])


def residual_table(frame: Any, file: Path, protocol: str, residual: str) -> Any:
    """A table with a task per patient (training: several). Its target is what a simple model leaves, fitted on support rows.

    The support rows come first, and the column ``place`` keeps them there. Targets of queries never enter an input.
    """
    pooled = pooled_out_of_fold(frame) if residual == "trees" else None
    models: Mapping[str, PatientModel] = {"mean": mean, "line": line, "interpolation": interpolation}
    if pooled is not None:
        models = {"trees": lambda support, rows: pooled[rows["recording"]].to_numpy()}
    tables = []
    tasks = {split: source_tasks(frame, file, protocol, split) for split in ("validation", "test")}
    for task in [*draw_tasks(frame, protocol), *tasks["validation"], *tasks["test"]]:
        rows = pandas.concat([task.support, task.query])
        level, slope = coefficients(task.support)
        columns = {
            PATIENT: task.patient,
            "place": np.arange(len(rows)),
            "days since the support": rows[TIME] - task.support[TIME].max(),
            "level of the support": level,
            "slope of the support": slope,
            TARGET: rows[TARGET].to_numpy() - models[residual](task.support, rows),
        }
        tables.append(rows.assign(**columns))
    return pandas.concat(tables)
