"""scikit-learn's own checks of an estimator, on every kind of model."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import tokay
from tokay import Learner
from tokay.sklearn import FewShotClassifier, FewShotRegressor

EXPECTED_FAILED_CHECKS: dict[tuple[type, str | None], dict[str, str]] = {
    (FewShotRegressor, method): {
        "check_regressors_train": f"{method} takes 50 steps of 0.001 on a task, too few for a score of 0.5 without training"
    }
    for method in ("scratch", "finetune")
}
"""The checks that an estimator with this model cannot pass, each with the reason."""


def _expected_failures(estimator: Any) -> dict[str, str]:
    model = estimator.model if isinstance(estimator.model, str) else None
    return EXPECTED_FAILED_CHECKS.get((type(estimator), model), {})


@pytest.fixture(autouse=True)
def _warnings_of_checks() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks warn on purpose
        yield


@parametrize_with_checks(
    [FewShotClassifier(), FewShotRegressor()],
    expected_failed_checks=_expected_failures,
)
def test_an_estimator_keeps_the_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def _learner() -> Learner:
    torch.manual_seed(0)
    return Learner(tokay.ProtoNet(), nn.Flatten())


@pytest.mark.slow
@parametrize_with_checks(
    [
        FewShotClassifier(_learner()),
        FewShotClassifier("scratch"),
        FewShotClassifier("matching"),
        FewShotClassifier("finetune"),
        FewShotRegressor("scratch"),
        FewShotRegressor("finetune"),
        FewShotRegressor(tokay.MAML(inner_lr=0.1, test_steps=50)),
    ],
    expected_failed_checks=_expected_failures,
)
def test_other_models_keep_the_contract(estimator: Any, check: Any) -> None:
    check(estimator)
