"""Every method learns classes with unequal numbers of examples; methods with ``any_ways`` another number of classes, too."""

from typing import Any

import numpy as np
import pytest
import torch

from tokay import Learner
from tokay.conformance.helpers import cases

each_classifier = pytest.mark.parametrize(
    "case", cases(defaults_only=True, accepts=lambda case: case.kind == "classification")
)


@each_classifier
def test_classes_of_unequal_size(case: Any) -> None:
    net = case.build("none")
    ways = case.tasks("none", tasks=1).support.y.shape[2]
    x_shape = case.tasks("none", tasks=1).support.x.shape[2:]
    numbers = [ways, ways + 2] if case.algorithm.any_ways else [ways]
    for classes in numbers:
        labels = torch.arange(classes).repeat_interleave(torch.arange(1, classes + 1))
        x = torch.rand(len(labels), *x_shape, generator=torch.Generator().manual_seed(0))
        learner = Learner(case.algorithm, net).fit(x, labels)
        probabilities = learner.predict_proba(x[:4])
        assert probabilities.shape == (4, classes)
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
