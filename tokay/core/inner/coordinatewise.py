"""Optimizers that are networks: one small recurrent network, applied to every weight of a learner alike.

Its own weights are shared by all coordinates, so it is tiny, and it fits a learner of any size. Coordinates come last
everywhere, ``[numbers, P]``: a gate is then one contiguous block, which is half again as fast on a CPU as rows are.

Such an optimizer is a module with two methods: ``start(row)`` gives what it remembers before its first step, and calling
it with ``(row, gradient, loss, carried)`` gives the row ``[P]`` of weights after a step and what it remembers then.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value

from ..probability.noise import gaussian
from ..readers.recurrent import lstm_step
from ..task import Examples
from .descent import Params, examples_loss, flatten, trainable, unflatten
from .wrapper import Beside, built_as, to_buffer

Hidden = tuple[tuple[Tensor, Tensor], ...]  # of every layer: output and cell, each [hidden, P]


def log_and_sign(values: Tensor, p: float = 10.0) -> Tensor:
    """``[...]`` to ``[2, ...]``: ``(log|v| / p, sign v)`` where ``|v| >= e^-p``, else ``(-1, e^p v)``.

    Gradients of different coordinates differ by orders of magnitude; this makes all of them numbers within reach of a
    small network (Andrychowicz et al. 2016, appendix A). Both pieces are continuous at the seam.

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
    """The gradient ``[P]`` of ``loss`` at the weights ``row``, and the loss there; both count as constants."""
    with torch.no_grad():  # grad differentiates all the same; nothing records how it did
        gradient, value = grad_and_value(loss)(unflatten(row, like), examples)
    return flatten(gradient), value


class CoordinateLSTM(nn.Module):
    """Layers of LSTM cells, whose weights all coordinates share: ``[inputs, P]`` to ``[hidden, P]``.

    Started as ``nn.LSTMCell`` starts, with one bias instead of the sum of two. Coordinates do not see each other.

    >>> lstm = CoordinateLSTM(2, 5, layers=2)
    >>> output, hidden = lstm(torch.randn(2, 7), lstm.start(torch.zeros(7)))
    >>> output.shape
    torch.Size([5, 7])
    """

    def __init__(self, inputs: int, hidden: int, *, layers: int = 1) -> None:
        super().__init__()
        self.hidden = hidden
        bound = 1 / math.sqrt(hidden)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        sizes = [inputs, *[hidden] * (layers - 1)]
        self.from_input = nn.ParameterList(drawn(4 * hidden, size) for size in sizes)
        self.from_hidden = nn.ParameterList(drawn(4 * hidden, hidden) for _ in sizes)
        self.bias = nn.ParameterList(drawn(4 * hidden) for _ in sizes)

    def start(self, row: Tensor) -> Hidden:
        """The state before anything was seen, for as many coordinates as ``row`` ``[P]`` has: zero."""
        zero = row.new_zeros(self.hidden, row.shape[0])
        return tuple((zero, zero) for _ in self.bias)

    def forward(self, x: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """One step of every coordinate: the last layer's output, and all there is to remember."""
        after = []
        for layer, (output, cell) in enumerate(hidden):
            mixed = self.from_input[layer] @ x + self.from_hidden[layer] @ output + self.bias[layer][:, None]
            x, cell = lstm_step(mixed, cell, dim=0)  # each [hidden, P]
            after.append((x, cell))
        return x, tuple(after)


# Coordinates at a time on a CPU: so many that what a step makes of them stays in the cache, which halves its time.
_BLOCK = 4096


def _blocks(row: Tensor) -> tuple[Tensor, ...]:
    return torch.split(row, _BLOCK if row.device.type == "cpu" else len(row))


def begin(optimizer: nn.Module, row: Tensor) -> list[Any]:
    """What ``optimizer`` remembers of the weights ``row`` ``[P]`` before its first step, block by block."""
    first: Any = optimizer
    return [first.start(block) for block in _blocks(row)]


def advance(
    optimizer: Callable[..., Any], row: Tensor, gradient: Tensor, loss: Tensor, carried: list[Any]
) -> tuple[Tensor, list[Any]]:
    """The weights ``[P]`` after a step of ``optimizer``, and what it remembers then."""
    blocks = zip(_blocks(row), _blocks(gradient), carried, strict=True)
    moved = [optimizer(weights, slope, loss, before) for weights, slope, before in blocks]
    return torch.cat([weights for weights, _ in moved]), [after for _, after in moved]


def stepped(net: nn.Module, start: Params, seen: Iterable[Examples]) -> Iterator[Params]:
    """The weights of the learner in ``net`` (a ``WithOptimizer``): ``start``, and after each step on one of ``seen``."""
    learner, _, optimizer = split_optimizer(net)
    row, loss = flatten(start), examples_loss(learner)
    carried = begin(optimizer, row)
    yield start
    for examples in seen:
        gradient, value = constant_gradient(loss, row, start, examples)
        row, carried = advance(optimizer, row, gradient, value, carried)
        yield unflatten(row, start)


class WithOptimizer(Beside):
    """``net``, and the learned optimizer that moves its weights in a task.

    An optimizer that works by coordinates can be put beside any other network: ``WithOptimizer(other, net.optimizer)``.

    With ``drawn`` the weights of ``net`` are not to be learned, for every task draws its own: its trainable parameters
    become buffers, in place. They are not saved either; what is drawn takes their shapes and sizes alone.
    """

    def __init__(self, net: nn.Module, optimizer: nn.Module, *, drawn: bool = False) -> None:
        super().__init__(net)
        self.optimizer = optimizer
        self.drawn = tuple(trainable(net)) if drawn else ()
        for name in self.drawn:
            to_buffer(net, name)

    def weights(self) -> Params:
        """The weights of ``net`` that a task starts from, or draws anew."""
        return {name: self.net.get_buffer(name) for name in self.drawn} or trainable(self.net)


def split_optimizer(net: nn.Module) -> tuple[nn.Module, Params, nn.Module]:
    """The network itself, its weights and the optimizer beside it. ``net`` is a ``WithOptimizer``."""
    both = built_as(WithOptimizer, net, "split_optimizer: takes a network with an optimizer beside it")
    return both.net, both.weights(), both.optimizer


def drawn_weights(weights: Params, seed: Tensor) -> Params:
    """Weights anew for a task: normal with the root mean square of each of ``weights``; vectors (biases, norms) stay.

    ``seed`` is the task's (``noise.task_seed``).
    """

    def draw(stream: int, built: Tensor) -> Tensor:
        if built.ndim < 2:
            return built.detach()
        return built.detach().square().mean().sqrt() * gaussian(seed, tuple(built.shape), stream=stream, like=built)

    return {name: draw(stream, built) for stream, (name, built) in enumerate(weights.items())}
