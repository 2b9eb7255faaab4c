"""Oracles in NumPy for the methods that read: the formulas they share, and the reading itself, example by example."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tokay import Examples, Task, TaskSpec, one_hot
from tokay.core.algorithm import Algorithm

Array = NDArray[np.float64]
INPUTS, CLASSES = 4, 3


def network(method: Algorithm[Any], kind: str = "classification") -> Any:
    """A network of four inputs and three targets. Its weights are large enough to move gates out of their middle."""
    spec = TaskSpec(x_shape=(INPUTS,), y_dim=CLASSES, kind=kind)  # type: ignore[arg-type]
    net = method.build(nn.Flatten(), spec).double()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3)
    return net


def small_task(kind: str = "classification", n: int = 7, m: int = 3) -> Task:
    """Random inputs, with classes in turn or random targets."""
    x = torch.randn(n + m, INPUTS, dtype=torch.float64)
    labels = one_hot(torch.arange(n + m) % CLASSES, CLASSES)
    y = labels if kind == "classification" else torch.randn(n + m, CLASSES, dtype=torch.float64)
    return Task(Examples(x[:n], y[:n]), Examples(x[n:], y[n:]))


def sigma(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def linear(layer: nn.Linear, v: Array) -> Array:
    return layer.weight.detach().numpy() @ v + layer.bias.detach().numpy()


class Oracle(Protocol):
    """A recurrence from nothing: ``step`` reads features and a label, and ``memory`` lists what it then remembers."""

    @property
    def memory(self) -> list[Array]: ...

    def step(self, features: Array, label: Array) -> Array: ...


def read_by_hand(oracle: Oracle, x: Array, y: Array, context: Array | None) -> Array:
    """Steps through ``x`` [n, inputs], each with the label before it. The first label is zero. Returns [n, classes].

    ``context``: the inputs that features are standardised against; None: features are the inputs.
    """
    gain, centre, spread = 1.0, np.zeros(INPUTS), 1.0
    if context is not None:
        gain, spread = np.sqrt(INPUTS), np.sqrt(0.01)
        if len(context):
            centre = context.mean(0)
            spread = np.sqrt(((context - centre) ** 2).mean() + 0.01)
    label, predictions = np.zeros(CLASSES), []
    for t in range(len(x)):
        predictions.append(oracle.step((x[t] - centre) / spread, gain * label))
        label = y[t]
    return np.array(predictions)


def _mean_loss(predictions: Array, y: Array, kind: str) -> float:
    if kind != "classification":
        return float(((predictions - y) ** 2).mean())
    log_p = predictions - np.log(np.exp(predictions).sum(1, keepdims=True))
    return float(-(log_p * y).sum(1).mean())


def check_against_oracle(method: Any, net: nn.Module, start: Callable[[], Oracle], task: Task) -> None:
    """``adapt``, ``predict``, ``predict_along`` and ``loss`` of ``method`` against oracles that ``start`` makes."""
    (x, y), (query_x, query_y) = ((part.x.numpy(), part.y.double().numpy()) for part in task)
    kind = "classification" if task.support.y.dtype == torch.bool else "regression"
    support = x if method.standardise else None
    reader = start()
    passing = read_by_hand(reader, x, y, support)  # what one pass predicts of each support example
    state = method.adapt(net, task.support)
    memory = [state.memory] if isinstance(state.memory, Tensor) else list(state.memory)
    for part, expected in zip(memory, reader.memory, strict=True):
        np.testing.assert_allclose(part.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert state.label.tolist() == y[-1].tolist()

    queries = np.array(
        [read_by_hand(start(), np.vstack([x, row]), np.vstack([y, y[:1]]), support)[-1] for row in query_x]
    )
    predictions = method.predict(net, state, task.query.x).detach().numpy()
    np.testing.assert_allclose(predictions, queries, rtol=1e-9, atol=1e-12)

    predictions = method.predict_along(net, task.support).detach().numpy()
    expected = passing
    if method.standardise:  # each prefix has a mean and a spread of its own
        prefixes = [read_by_hand(start(), x[: t + 1], y[: t + 1], x[:t])[-1] for t in range(1, len(x))]
        untouched = read_by_hand(start(), x[:1], y[:1], None)  # nothing to measure against yet
        expected = np.array([untouched[0], *prefixes])
    np.testing.assert_allclose(predictions, expected, rtol=1e-9, atol=1e-12)

    cost, measured = method.loss(net, task)
    both, targets = np.vstack([passing, queries]), np.vstack([y, query_y])
    np.testing.assert_allclose(float(cost.detach()), _mean_loss(both, targets, kind), rtol=1e-9)
    np.testing.assert_allclose(float(measured["loss"].detach()), _mean_loss(queries, query_y, kind), rtol=1e-9)
