"""Simple models of a patient's score: what a meta-learner must beat. They see the support targets of a patient, no others.

A patient model is a function ``(support, rows) -> predictions``: frames of recordings in, one number per row out.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TIME, TARGET, PATIENT = "test_time", "motor_UPDRS", "subject#"
NO_FEATURES = (PATIENT, TARGET, "total_UPDRS", "recording", "split")

Predictions = NDArray[np.float64]
PatientModel = Callable[[Any, Any], Predictions]


def features(frame: Any) -> Any:
    """The columns of a frame that are inputs: age, sex, time and 16 measures of the voice."""
    return frame[[name for name in frame.columns if name not in NO_FEATURES]]


def mean(support: Any, rows: Any) -> Predictions:
    """The mean of the support targets."""
    return np.full(len(rows), support[TARGET].mean())


def line(support: Any, rows: Any) -> Predictions:
    """The least-squares line in time through the support rows."""
    centre = support[TIME].mean()
    intercept, slope = coefficients(support)
    return intercept + slope * (rows[TIME].to_numpy() - centre)


def coefficients(support: Any) -> tuple[float, float]:
    """Height at the mean time, and slope, of the least-squares line through the support rows."""
    times, scores = support[TIME] - support[TIME].mean(), support[TARGET]
    return float(scores.mean()), float((times * scores).sum() / (times**2).sum())


def fit_shrunk_line(tasks: Iterable[tuple[Any, Any]]) -> PatientModel:
    """The line through the support rows, its slope times a factor: the best one for the queries of the training tasks.

    ``tasks`` are pairs of support and query rows.
    """
    rise, growth = (
        np.concatenate(parts)
        for parts in zip(
            *(
                (line(support, query) - mean(support, query), query[TARGET] - mean(support, query))
                for support, query in tasks
            ),
            strict=True,
        )
    )
    factor = float((rise * growth).sum() / (rise**2).sum())
    return lambda support, rows: mean(support, rows) + factor * (line(support, rows) - mean(support, rows))


def interpolation(support: Any, rows: Any) -> Predictions:
    """Straight lines between neighbours in time, and the nearest support target outside: after the last row, the last one."""
    support = support.sort_values(TIME)
    return np.interp(rows[TIME], support[TIME], support[TARGET])


def fit_ridge(training: Any) -> PatientModel:
    """A ridge regression on the support rows of each patient alone. ``training`` scales the features, no more."""
    from sklearn.linear_model import Ridge

    centre, spread = features(training).mean(), features(training).std(ddof=0)

    def predict(support: Any, rows: Any) -> Predictions:
        model = Ridge().fit((features(support) - centre) / spread, support[TARGET])
        return np.asarray(model.predict((features(rows) - centre) / spread))

    return predict


def fit_pooled(training: Any) -> PatientModel:
    """Gradient-boosted trees on all rows of the training patients. It ignores the support rows."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(random_state=0).fit(features(training), training[TARGET])
    return lambda support, rows: np.asarray(model.predict(features(rows)))


def with_offset(model: PatientModel) -> PatientModel:
    """``model`` plus its mean error on the support rows."""

    def predict(support: Any, rows: Any) -> Predictions:
        return model(support, rows) + (support[TARGET].to_numpy() - model(support, support)).mean()

    return predict


@dataclass(frozen=True)
class MixedModel:
    """A line in time for all patients plus an intercept and a slope of each, normally distributed: ``y = X (beta + b) + e``."""

    beta: NDArray[np.float64]  # [2], intercept and slope per 100 days
    spread: NDArray[np.float64]  # [2, 2], covariance of b
    noise: float  # variance of e

    def __call__(self, support: Any, rows: Any) -> Predictions:
        """The best linear unbiased prediction from the support rows of a new patient."""
        x = self.design(support)
        covariance = x @ self.spread @ x.T + self.noise * np.eye(len(x))
        b = self.spread @ x.T @ np.linalg.solve(covariance, support[TARGET].to_numpy() - x @ self.beta)
        return np.asarray(self.design(rows) @ (self.beta + b))

    @staticmethod
    def design(frame: Any) -> NDArray[np.float64]:
        """The columns 1 and time, in 100 days: ``[rows, 2]``."""
        return np.stack([np.ones(len(frame)), frame[TIME].to_numpy() / 100], 1)


def fit_mixed(training: Any) -> PatientModel:
    """The mixed model of statsmodels, fitted on the training patients."""
    import statsmodels.api as statsmodels

    design = MixedModel.design(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the start of the optimiser; a failure raises below
        model = statsmodels.MixedLM(training[TARGET].to_numpy(), design, groups=training[PATIENT], exog_re=design)
        fit = model.fit(method=["bfgs", "lbfgs", "cg"])
    if not fit.converged:
        raise RuntimeError("statsmodels: the mixed model did not converge.")
    return MixedModel(np.asarray(fit.fe_params), np.asarray(fit.cov_re), float(fit.scale))


def fit_all(training: Any, tasks: Iterable[tuple[Any, Any]]) -> dict[str, PatientModel]:
    """Every simple model by its name, those with parameters fitted on the rows, or tasks, of the training patients."""
    pooled = fit_pooled(training)
    return {
        "patient's mean": mean,
        "line in time per patient": line,
        "line in time, its slope shrunk by one factor": fit_shrunk_line(tasks),
        "interpolation in time per patient": interpolation,
        "ridge regression per patient": fit_ridge(training),
        "pooled gradient-boosted trees": pooled,
        "pooled trees plus the patient's offset": with_offset(pooled),
        "mixed model, a line in time": fit_mixed(training),
    }
