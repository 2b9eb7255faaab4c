"""What every example in a docstring may take for granted, as a reader of the documentation would."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tokay.core.task import Examples, Task, TaskSpec, one_hot


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace: dict[str, Any]) -> None:
    names: tuple[Callable[..., Any], ...] = (Examples, Task, TaskSpec, one_hot)
    doctest_namespace.update({thing.__name__: thing for thing in names}, torch=torch, nn=nn)
