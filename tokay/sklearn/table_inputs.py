"""Tables as X, for a model that was trained on a table: its columns become the inputs of the training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TaskError
from ..tasks import Source
from ..tasks.table import Table
from ..tasks.table_columns import Encoding


@dataclass(frozen=True)
class TableInputs:
    """How the columns of a table become inputs, and real targets numbers of about 1, as in the training of a run."""

    encoding: Encoding
    mean: float = 0.0
    std: float = 1.0

    def encode(self, X: Any, where: str) -> NDArray[Any]:
        """The rows of the table ``X`` as inputs ``[n, inputs]``. Missing values are allowed where the run allows them.

        Raises ``TaskError`` if ``X`` is no table or misses a column.
        """
        columns = [column.name for column in self.encoding.columns]
        names = ", ".join(columns[:8]) + (", ..." if len(columns) > 8 else "")
        if not hasattr(X, "columns"):
            raise TaskError(
                f"{where}: X must be a pandas.DataFrame with the columns of the run ({names}), got {type(X).__name__}. The "
                "run scales and encodes them."
            )
        missing = [name for name in columns if name not in X.columns]
        if missing:
            raise TaskError(f"{where}: X must have the columns of the run ({names}), {missing[0]} is missing. Add it.")
        return np.asarray(self.encoding.encode(X.reset_index(drop=True), where).numpy())


def table_inputs(source: Source) -> TableInputs | None:
    """The encoding of a run on a table; None for any other source. Reads the table: raises ``DataError`` if it is gone."""
    if not isinstance(source, Table):
        return None
    contents = source.contents()
    return TableInputs(contents.encoding, *(contents.scale or (0.0, 1.0)))
