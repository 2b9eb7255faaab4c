"""Small problems for estimators: three groups of points, and a plane."""

import numpy as np
from numpy.typing import NDArray

_RANDOM = np.random.default_rng(0)
X: NDArray[np.float64] = np.repeat([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]], 6, 0) + _RANDOM.normal(0, 0.3, (18, 2))
CODES: NDArray[np.int64] = np.repeat([0, 1, 2], 6)
VALUES: NDArray[np.float64] = X @ [0.3, -0.2]
