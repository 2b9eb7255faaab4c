"""The learned optimizer against SGD, and its segments against a hand-written loop with ``detach``."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import ConfigError, Examples, LearnedOptimizer, Task, TaskSpec, gradient_descent, one_hot, over_tasks
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.inner.coordinatewise import log_and_sign
from tokay.core.inner.descent import examples_loss, trainable
from tokay.core.inner.minibatches import cycle

SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def build_method_and_net(**settings: Any) -> tuple[LearnedOptimizer, nn.Module]:
    """The method and a small network, with an optimizer that takes large steps."""
    method = LearnedOptimizer(**{"step_scale": 0.5, "lstm_units": 4, **settings})
    net = method.build(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), SPEC).double()
    with torch.no_grad():
        net.optimizer.weight.normal_()
        net.optimizer.bias.fill_(0.1)
    return method, net


def task(n: int = 6) -> Task:
    def examples() -> Examples:
        return Examples(torch.randn(n, 4, dtype=torch.float64), one_hot(torch.randperm(n) % 3, 3))

    return Task(examples(), examples())


class Identity(nn.Module):
    """Replaces the LSTM: returns its input."""

    def start(self, row: Tensor) -> tuple[()]:
        return ()

    def forward(self, x: Tensor, memory: tuple[()]) -> tuple[Tensor, tuple[()]]:
        return x, memory


@pytest.mark.parametrize("steps", [1, 4])
def test_an_lstm_that_passes_the_gradient_on_is_gradient_descent(steps: int) -> None:
    method, net = build_method_and_net(inner_steps=steps, preprocess="none")
    net.optimizer.lstm = Identity()
    net.optimizer.weight = nn.Parameter(torch.tensor([-0.4]).double())
    with torch.no_grad():
        net.optimizer.weight.copy_(torch.tensor([-0.4]))
        net.optimizer.bias.zero_()
    support = task().support
    loss = examples_loss(net.net)
    lr = 0.5 * 0.4000000059604645  # 0.4 as float32
    expected = gradient_descent(lambda p: loss(p, support), trainable(net.net), lr=lr, steps=steps)
    adapted = method.adapt(net, support)
    for name, p in expected.items():
        torch.testing.assert_close(adapted[name], p, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_descent_rate_with_a_zero_lstm_is_gradient_descent(steps: int) -> None:
    method, net = build_method_and_net(inner_steps=steps, descent_rate=0.3)
    with torch.no_grad():
        net.optimizer.weight.zero_()
        net.optimizer.bias.zero_()
        net.optimizer.log_rate.fill_(math.log(0.2))  # as if trained
    support = task().support
    loss = examples_loss(net.net)
    expected = gradient_descent(lambda p: loss(p, support), trainable(net.net), lr=0.2, steps=steps)
    for name, p in method.adapt(net, support).items():
        torch.testing.assert_close(p, expected[name], rtol=1e-12, atol=1e-14)


def test_without_descent_there_is_no_learned_rate() -> None:
    assert "log_rate" not in dict(build_method_and_net()[1].optimizer.named_parameters())
    rate = build_method_and_net(descent_rate=0.3)[1].optimizer.log_rate
    assert float(rate.detach().exp()) == pytest.approx(0.3)
    with pytest.raises(ConfigError, match=r"learned-optimizer: descent_rate must not be negative, got -0.1"):
        LearnedOptimizer(descent_rate=-0.1)


def loss_at(net: nn.Module, row: Tensor, part: Examples) -> Tensor:
    """Cross-entropy of the learner with the weights ``row``."""
    shapes = {name: p.shape for name, p in net.weights().items()}
    pieces = row.split([s.numel() for s in shapes.values()])
    params = {name: piece.view(s) for (name, s), piece in zip(shapes.items(), pieces, strict=True)}
    return F.cross_entropy(torch.func.functional_call(net.net, params, (part.x,)), part.y.double())


def slow_losses(method: LearnedOptimizer, net: nn.Module, initial: Tensor, one: Task, *, cut: bool) -> Iterator[Tensor]:
    """The query loss after every step, by torch's LSTM cell; ``cut`` detaches everything between segments."""
    o, state = net.optimizer, []
    zero = torch.zeros(4 * method.lstm_units, dtype=torch.float64)
    theta = initial
    for _ in range(method.lstm_layers):
        state.append((torch.zeros(len(theta), method.lstm_units, dtype=torch.float64),) * 2)
    for step in range(method.inner_steps):
        if cut and step % method.unroll_steps == 0:
            theta, state = theta.detach(), [(h.detach(), c.detach()) for h, c in state]
        leaf = theta.detach().requires_grad_()
        rows = cycle(len(one.support.x), method.inner_batch, method.inner_steps)[step]
        (gradient,) = torch.autograd.grad(loss_at(net, leaf, Examples(one.support.x[rows], one.support.y[rows])), leaf)
        signal = log_and_sign(gradient, method.log_range).T if method.preprocess == "log-sign" else gradient[:, None]
        for layer in range(method.lstm_layers):
            weights = (o.lstm.from_input[layer], o.lstm.from_hidden[layer], o.lstm.bias[layer], zero)
            state[layer] = torch.lstm_cell(signal, state[layer], *weights)
            signal = state[layer][0]
        theta = theta + method.step_scale * (signal @ o.weight + o.bias)
        if method.descent_rate:
            theta = theta - o.log_rate.exp() * gradient
        yield loss_at(net, theta, one.query)


def total_loss(method: LearnedOptimizer, losses: list[Tensor]) -> Tensor:
    return losses[-1] if method.judged == "last" else torch.stack(losses).mean()


def flat_weights(net: nn.Module) -> Tensor:
    return torch.cat([p.flatten() for p in net.weights().values()])


@pytest.mark.parametrize(
    "settings",
    [
        {"inner_batch": 6},
        {"inner_batch": 6, "log_range": 3.0},
        {"inner_batch": 6, "preprocess": "none"},
        {"inner_batch": 4},
        {"inner_batch": 4, "descent_rate": 0.3},
        {"inner_batch": 4, "judged": "last"},
    ],
    ids=str,
)
@pytest.mark.parametrize("unroll", [1, 2, 3, 5, 20])
def test_the_gradient_is_that_of_the_detached_loop(settings: dict[str, Any], unroll: int) -> None:
    """Segments of one step (greedy), of lengths that do not divide the steps, and of the whole trajectory (5, 20)."""
    method, net = build_method_and_net(inner_steps=5, unroll_steps=unroll, **settings)
    one = task()
    cost, _ = method.loss(net, one)
    expected_cost = total_loss(method, list(slow_losses(method, net, flat_weights(net), one, cut=True)))
    assert float(cost.detach()) == pytest.approx(float(expected_cost.detach()), rel=1e-12)
    actual = torch.autograd.grad(cost, list(net.optimizer.parameters()))
    expected = torch.autograd.grad(expected_cost, list(net.optimizer.parameters()), materialize_grads=True)
    for (name, _), a, b in zip(net.optimizer.named_parameters(), actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-13, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("judged", ["every", "last"])
@pytest.mark.parametrize("unroll", [1, 2, 5])
def test_a_learned_start_gets_every_segments_gradient(unroll: int, judged: str) -> None:
    """The gradient equals that of the loop without ``detach``, because every state moves as the start does."""
    method, net = build_method_and_net(inner_steps=5, unroll_steps=unroll, judged=judged)
    one = task()
    actual = torch.autograd.grad(method.loss(net, one)[0], list(net.net.parameters()))
    expected = total_loss(method, list(slow_losses(method, net, flat_weights(net), one, cut=False)))
    for a, b in zip(actual, torch.autograd.grad(expected, list(net.net.parameters())), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-13)


def test_the_greedy_form_by_hand() -> None:
    """One step: the gradient of the output weights is s ∇f(θ_1) h_1ᵀ, computed for one coordinate at a time."""
    method, net = build_method_and_net(inner_steps=1, unroll_steps=1, lstm_layers=1)
    one = task()
    o, units, row = net.optimizer, method.lstm_units, flat_weights(net).detach()
    leaf = row.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_at(net, leaf, one.support), leaf)
    outputs = []
    for g in gradient:
        z = o.lstm.from_input[0] @ log_and_sign(g) + o.lstm.bias[0]
        into, _, candidate, out = z.detach().split(units)
        outputs.append(out.sigmoid() * (into.sigmoid() * candidate.tanh()).tanh())
    h = torch.stack(outputs)  # [P, units]
    adapted = (row + 0.5 * (h @ o.weight + o.bias)).detach().requires_grad_()
    (outer,) = torch.autograd.grad(loss_at(net, adapted, one.query), adapted)
    actual = torch.autograd.grad(method.loss(net, one)[0], [o.weight, o.bias])
    torch.testing.assert_close(actual[0], 0.5 * outer @ h, rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(actual[1], 0.5 * outer.sum()[None], rtol=1e-9, atol=1e-13)


def test_the_cost_is_the_same_without_gradients() -> None:
    method, net = build_method_and_net(inner_steps=5, unroll_steps=2)
    one = task()
    expected, report = method.loss(net, one)
    with torch.no_grad():
        cost, report_without = method.loss(net, one)
    torch.testing.assert_close(cost, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(report_without["loss"], report["loss"].detach(), rtol=1e-12, atol=0)
    assert (
        method.loss(net, one)[1]["loss"] != cost
    )  # the report is the loss at the end, the cost is the mean over the steps


def test_adapt_takes_the_same_steps_as_loss() -> None:
    method, net = build_method_and_net(inner_steps=5, unroll_steps=2, inner_batch=4)
    one = task()
    *_, end = slow_losses(method, net, flat_weights(net), one, cut=False)
    predictions = method.predict(net, method.adapt(net, one.support), one.query.x)
    torch.testing.assert_close(F.cross_entropy(predictions, one.query.y.double()), end, rtol=1e-10, atol=0)
    torch.testing.assert_close(method.loss(net, one)[1]["loss"], end, rtol=1e-10, atol=0)
    assert len(list(method.path(net, one.support))) == 6


def test_at_test_takes_the_test_steps() -> None:
    method = LearnedOptimizer(inner_steps=3, test_steps=7)
    assert method.at_test() == LearnedOptimizer(inner_steps=7, test_steps=7)
    assert LearnedOptimizer(inner_steps=3).at_test() == LearnedOptimizer(inner_steps=3)


def test_a_random_start_depends_only_on_the_task() -> None:
    """Equal under vmap and loop, different for every task, as large as the built weights. Biases stay as built."""
    method = LearnedOptimizer(start="random", inner_steps=1)
    net = method.build(nn.Sequential(nn.Linear(4, 400), nn.LayerNorm(400)), SPEC).double()
    batch = Task(
        *(
            Examples(*(torch.stack(t) for t in zip(*p, strict=True)))
            for p in zip(*(task() for _ in range(3)), strict=True)
        )
    )

    def start_of(one: Task) -> dict[str, Tensor]:
        return dict(next(method.path(net, one.support)))

    mapped, looped = over_tasks(start_of, batch), over_tasks(start_of, batch, mode="loop")
    usual = net.weights()
    for name, draws in mapped.items():
        assert torch.equal(draws, looped[name])
        if draws.ndim == 2:  # [tasks, ...]: a bias or a norm
            assert all(torch.equal(one, usual[name]) for one in draws)
        else:
            assert not torch.equal(draws[0], draws[1])
            assert float(draws.std() / usual[name].std()) == pytest.approx(1, rel=0.05)
            assert abs(float(draws.mean() / draws.std())) < 5 / draws.numel() ** 0.5
    correlation = torch.corrcoef(
        torch.stack([mapped[f"{part}.weight"][0].flatten()[:1200] for part in ("backbone.0", "head")])
    )
    assert abs(float(correlation[0, 1])) < 0.15  # different tensors have independent draws


def test_a_random_start_is_not_learned() -> None:
    net = build_method_and_net(start="random")[1]
    assert all(name.startswith("optimizer.") for name, _ in net.named_parameters())
    assert all(name.startswith("optimizer.") for name in net.state_dict())
    assert set(net.weights()) == {"backbone.0.weight", "backbone.0.bias", "head.weight", "head.bias"}
    with_learned_start = build_method_and_net(start="learned")[1]
    assert set(with_learned_start.weights()) == set(trainable(with_learned_start.net))


def test_many_tasks_are_averaged() -> None:
    method, net = build_method_and_net(inner_steps=3, unroll_steps=2)
    tasks = [task() for _ in range(3)]
    batch = Task(*(Examples(*(torch.stack(t) for t in zip(*p, strict=True))) for p in zip(*tasks, strict=True)))
    accumulate_meta_gradient(method, net, batch)
    each = [torch.autograd.grad(method.loss(net, one)[0], list(net.parameters())) for one in tasks]
    for p, *parts in zip(net.parameters(), *each, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, torch.stack(parts).mean(0), rtol=1e-9, atol=1e-12)
