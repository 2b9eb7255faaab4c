"""Learned optimizers: one small recurrent network updates every weight (coordinate) of a learner by the same rule.

All coordinates share the optimizer's weights, so it is small and fits a learner of any size. The coordinate axis comes
last, ``[numbers, P]``: a gate is then one contiguous block, which is faster on a CPU.

Such an optimizer is a module with two methods. ``start(row)`` returns its initial memory for the weights ``row`` ``[P]``.
A call with ``(row, gradient, loss, memory)`` does one step, and returns the new row and the new memory.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value

from ..network import require_network
from ..probability.noise import gaussian
from ..readers.recurrent import lstm_step
from ..task import Examples
from .descent import Params, examples_loss, flatten, trainable, unflatten
from .wrapper import Wrapper, to_buffer

Hidden = tuple[tuple[Tensor, Tensor], ...]  # per layer: output and cell, each [hidden_size, P]


def log_and_sign(values: Tensor, p: float = 10.0) -> Tensor:
    """``[...]`` to ``[2, ...]``: ``(log|v| / p, sign v)`` if ``|v| >= e^-p``, else ``(-1, e^p v)``.

    Gradients differ by orders of magnitude between coordinates. This maps all of them to a range that a small network
    can read (Andrychowicz et al. 2016, appendix A). It is continuous at ``|v| = e^-p``.

    >>> log_and_sign(torch.tensor([math.e**-5, -(math.e**-11)]))
    tensor([[-0.5000, -1.0000],
            [ 1.0000, -0.3679]])
    """
    smallest = math.exp(-p)
    size = values.abs()
    return torch.stack([size.clamp_min(smallest).log() / p, values.sign() * (size / smallest).clamp_max(1.0)])


def constant_gradient(
    loss: Callable[[Params, Examples], Tensor], row: Tensor, like: Params, examples: Examples
) -> tuple[Tensor, Tensor]:
    """The gradient ``[P]`` of ``loss`` at the weights ``row``, and the value of the loss. Both are constants."""
    with torch.no_grad():  # grad works inside no_grad, too, but records no graph
        gradient, value = grad_and_value(loss)(unflatten(row, like), examples)
    return flatten(gradient), value


class CoordinateLSTM(nn.Module):
    """Layers of LSTM cells with weights that all coordinates share: ``[inputs, P]`` to ``[hidden_size, P]``.

    Initial weights are those of ``nn.LSTMCell``, with one bias instead of two. Coordinates are independent of each other.

    >>> lstm = CoordinateLSTM(2, 5, layers=2)
    >>> output, hidden = lstm(torch.randn(2, 7), lstm.start(torch.zeros(7)))
    >>> output.shape
    torch.Size([5, 7])
    """

    def __init__(self, inputs: int, hidden_size: int, *, layers: int = 1) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        bound = 1 / math.sqrt(hidden_size)

        def draw(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        sizes = [inputs, *[hidden_size] * (layers - 1)]
        self.from_input = nn.ParameterList(draw(4 * hidden_size, size) for size in sizes)
        self.from_hidden = nn.ParameterList(draw(4 * hidden_size, hidden_size) for _ in sizes)
        self.bias = nn.ParameterList(draw(4 * hidden_size) for _ in sizes)

    def start(self, row: Tensor) -> Hidden:
        """The initial state: zeros, one column per coordinate of ``row`` ``[P]``."""
        zero = row.new_zeros(self.hidden_size, row.shape[0])
        return tuple((zero, zero) for _ in self.bias)

    def forward(self, x: Tensor, state: Hidden) -> tuple[Tensor, Hidden]:
        """Does one step for every coordinate. Returns the output of the last layer, and the new state."""
        new_state = []
        for layer, (output, cell) in enumerate(state):
            gates = self.from_input[layer] @ x + self.from_hidden[layer] @ output + self.bias[layer][:, None]
            x, cell = lstm_step(gates, cell, dim=0)  # each [hidden_size, P]
            new_state.append((x, cell))
        return x, tuple(new_state)


# Coordinates per block on a CPU. The tensors of a step then fit into the cache, which makes it faster.
_BLOCK = 4096


def _blocks(row: Tensor) -> tuple[Tensor, ...]:
    return torch.split(row, _BLOCK if row.device.type == "cpu" else len(row))


def begin(optimizer: nn.Module, row: Tensor) -> list[Any]:
    """The initial memory of ``optimizer`` for the weights ``row`` ``[P]``, one entry per block."""
    untyped: Any = optimizer
    return [untyped.start(block) for block in _blocks(row)]


def advance(
    optimizer: Callable[..., Any], row: Tensor, gradient: Tensor, loss: Tensor, memory: list[Any]
) -> tuple[Tensor, list[Any]]:
    """Does one step of ``optimizer``. Returns the new weights ``[P]``, and the new memory, one entry per block."""
    blocks = zip(_blocks(row), _blocks(gradient), memory, strict=True)
    results = [optimizer(weights, block_grad, loss, block_memory) for weights, block_grad, block_memory in blocks]
    return torch.cat([weights for weights, _ in results]), [new_memory for _, new_memory in results]


def learned_path(net: nn.Module, start: Params, batches: Iterable[Examples]) -> Iterator[Params]:
    """Yields the learner's weights: ``start``, then those after one step of the learned optimizer on each batch.

    ``net`` is a ``WithOptimizer``.
    """
    learner, _, optimizer = split_optimizer(net)
    row, loss = flatten(start), examples_loss(learner)
    memory = begin(optimizer, row)
    yield start
    for examples in batches:
        gradient, value = constant_gradient(loss, row, start, examples)
        row, memory = advance(optimizer, row, gradient, value, memory)
        yield unflatten(row, start)


class WithOptimizer(Wrapper):
    """``net``, and a learned optimizer that adapts its weights to a task.

    A coordinatewise optimizer also works for another network: ``WithOptimizer(other, net.optimizer)``.

    With ``draw_weights``, every task starts from new random weights. So the weights of ``net`` are not trained or saved:
    its trainable parameters become buffers, in place. Only their shapes and their root mean squares matter.
    """

    def __init__(self, net: nn.Module, optimizer: nn.Module, *, draw_weights: bool = False) -> None:
        super().__init__(net)
        self.optimizer = optimizer
        self.buffer_names = tuple(trainable(net)) if draw_weights else ()
        for name in self.buffer_names:
            to_buffer(net, name)

    def weights(self) -> Params:
        """The weights of ``net``: those that a task starts from, or the models for its random weights."""
        return {name: self.net.get_buffer(name) for name in self.buffer_names} or trainable(self.net)


def split_optimizer(net: nn.Module) -> tuple[nn.Module, Params, nn.Module]:
    """Returns the inner network of a ``WithOptimizer``, its weights and its optimizer.

    Raises TypeError if ``net`` is not a ``WithOptimizer``.
    """
    wrapper = require_network(WithOptimizer, net, "split_optimizer: takes a network with an optimizer beside it")
    return wrapper.net, wrapper.weights(), wrapper.optimizer


def draw_weights(weights: Params, seed: Tensor) -> Params:
    """New random weights for a task: normal, with the root mean square of each tensor of ``weights``.

    Vectors (biases, norms) keep their values. ``seed`` is the seed of the task (``noise.task_seed``).
    """

    def draw(stream: int, model: Tensor) -> Tensor:
        if model.ndim < 2:
            return model.detach()
        return model.detach().square().mean().sqrt() * gaussian(seed, tuple(model.shape), stream=stream, like=model)

    return {name: draw(stream, model) for stream, (name, model) in enumerate(weights.items())}
