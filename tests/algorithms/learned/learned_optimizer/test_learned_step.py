"""The step that an LSTM learns, against the formula; the trajectory is tested with its method."""

import pytest
import torch

from tokay.algorithms.learned.learned_optimizer.learned_step import LearnedStep


@pytest.mark.parametrize("descent_rate", [0.0, 0.1])
@pytest.mark.parametrize("log_range", [None, 10.0])
def test_a_step(log_range: float | None, descent_rate: float) -> None:
    """w + scale (v·h + b) - rate g, with h the output of the LSTM; the LSTM itself has its own tests."""
    step = LearnedStep(3, 2, 0.5, log_range=log_range, descent_rate=descent_rate)
    with torch.no_grad():
        step.bias.fill_(0.2)
    weights, gradient = torch.randn(4), torch.randn(4)
    memory = step.start(weights)
    assert all(not part.any() for layer in memory for part in layer)
    moved_weights, next_memory = step(weights, gradient, torch.tensor(1.0), memory)
    inputs = gradient[None]
    if log_range is not None:
        inputs = torch.stack([gradient.abs().log() / log_range, gradient.sign()])
    output, expected_memory = step.lstm(inputs, memory)
    expected = weights + 0.5 * (sum(step.weight[i] * output[i] for i in range(3)) + 0.2) - descent_rate * gradient
    torch.testing.assert_close(moved_weights, expected)
    torch.testing.assert_close(next_memory, expected_memory)
