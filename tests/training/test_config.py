"""Wrong settings of training."""

import math

import pytest
import torch

from tokay import ConfigError, FitConfig
from tokay.training.config import check_device


@pytest.mark.parametrize("name", ["meta_batch", "lr", "clip_norm", "clip_value", "chunk_size", "memory"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_settings_above_zero(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^fit: {name} must be (above 0|a number|a whole number), got {value}"):
        FitConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["steps", "validate_every"])
def test_settings_that_may_be_zero(name: str) -> None:
    FitConfig(**{name: 0})
    with pytest.raises(ConfigError, match=rf"^fit: {name} must not be negative, got -1"):
        FitConfig(**{name: -1})


@pytest.mark.parametrize(
    "name", ["steps", "meta_batch", "validate_every", "validation_tasks", "patience", "seed", "memory"]
)
@pytest.mark.parametrize("value", [2.5, True, math.inf, 3.0])
def test_whole_numbers(name: str, value: float) -> None:
    """A run folder with another number could not be read."""
    with pytest.raises(ConfigError, match=rf"^fit: {name} must be a whole number, got {value!r}\."):
        FitConfig(**{name: value})  # type: ignore[arg-type]


def test_one_validation_task_has_no_interval() -> None:
    with pytest.raises(ConfigError, match=r"^fit: validation_tasks must be at least 2, got 1"):
        FitConfig(validation_tasks=1)


def test_two_ways_to_choose_the_chunk() -> None:
    with pytest.raises(ConfigError, match=r"^fit: chunk_size and memory both say how many tasks"):
        FitConfig(chunk_size=2, memory=100)


def test_a_cuda_graph_needs_cuda() -> None:
    with pytest.raises(ConfigError, match=r"^maml: --cuda-graph needs a CUDA device, the network is on cpu"):
        check_device(FitConfig(cuda_graph=True), torch.device("cpu"), where="maml")
    check_device(FitConfig(cuda_graph=True), torch.device("cuda"), where="maml")
    check_device(FitConfig(), torch.device("cpu"), where="maml")
