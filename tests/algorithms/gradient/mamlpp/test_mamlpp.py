"""MAML++ against a slow hand-written loop with rates and norms per step, and against MAML."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import MAML, ConfigError, Examples, MAMLPlusPlus, Sizes, Task, TaskSpec, one_hot
from tokay.algorithms.gradient.mamlpp.mamlpp import step_weights
from tokay.algorithms.gradient.mamlpp.per_step import PerStep, split_steps

SPECS = {
    "classification": TaskSpec(x_shape=(4,), y_dim=3),
    "regression": TaskSpec(x_shape=(4,), y_dim=3, kind="regression"),
}


def build_method_and_net(
    kind: str = "classification", *, norm: bool = True, perturb: bool = True, **settings: Any
) -> Any:
    """The method and its network: Linear (norm) Tanh. ``perturb`` gives every step different rates and norms."""
    method = MAMLPlusPlus(**settings)
    body = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5) if norm else nn.Identity(), nn.Tanh())
    net = method.build(body, SPECS[kind]).double()
    if perturb:
        with torch.no_grad():
            for p in (*net.norms, *net.rates):
                p.add_(0.3 * torch.rand_like(p))
    return method, net


def one_task(kind: str = "classification") -> Task:
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    labels = one_hot(torch.arange(6) % 3, 3)
    y = [labels, labels] if kind == "classification" else torch.randn(2, 6, 3, dtype=torch.float64).unbind()
    return Task(Examples(x[0], y[0]), Examples(x[1], y[1]))


def judge(outputs: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(outputs, y.int().argmax(1)) if y.dtype == torch.bool else (outputs - y).square().mean()


def by_hand(net: PerStep, task: Task, weights: tuple[float, ...], *, order: int = 2) -> tuple[Tensor, list[Tensor]]:
    """Returns the cost, and the outputs for the query set after 0, 1, 2, ... steps."""
    (support_x, support_y), (query_x, query_y) = task
    scale, shift = net.norms
    w = [net.net.get_parameter(n) for n in ("backbone.0.weight", "backbone.0.bias", "head.weight", "head.bias")]

    def predict(w: list[Tensor], step: int, x: Tensor) -> Tensor:
        features = F.layer_norm(x @ w[0].T + w[1], (5,)) * scale[step] + shift[step]
        return features.tanh() @ w[2].T + w[3]

    cost, outputs = torch.zeros((), dtype=torch.float64), [predict(w, 0, query_x)]
    for step, weight in enumerate(weights):
        grads = torch.autograd.grad(judge(predict(w, step, support_x), support_y), w, create_graph=order == 2)
        w = [p - rate[step] * g for p, rate, g in zip(w, net.rates, grads, strict=True)]
        outputs.append(predict(w, step + 1, query_x))
        cost = cost + weight * judge(outputs[-1], query_y)
    return cost, outputs


def same_gradients(a: Tensor, b: Tensor, weights: list[Tensor]) -> None:
    pairs = zip(*(torch.autograd.grad(cost, weights, allow_unused=True) for cost in (a, b)), strict=True)
    for ours, theirs in pairs:
        assert ours is not None
        torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("multi_step, weights", [(1.0, (1 / 3,) * 3), (0.3, (0.1, 0.1, 0.8)), (0.0, (0, 0, 1))])
def test_equals_a_loop_by_hand(kind: str, order: Any, multi_step: float, weights: tuple[float, ...]) -> None:
    (method, net), task = build_method_and_net(kind, inner_steps=3, order=order, multi_step=multi_step), one_task(kind)
    cost, metrics = method.loss(net, task)
    expected, outputs = by_hand(net, task, weights, order=order)
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(metrics["loss"], judge(outputs[-1], task.query.y), rtol=1e-12, atol=1e-14)
    for state, output in zip(method.path(net, task.support), outputs, strict=True):
        torch.testing.assert_close(method.predict(net, state, task.query.x), output, rtol=1e-12, atol=1e-14)
    same_gradients(cost, expected, list(net.parameters()))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("steps", [1, 3])
def test_with_one_rate_and_the_last_loss_it_is_maml(order: Any, steps: int) -> None:
    settings = {"inner_lr": 0.375, "inner_steps": steps, "order": order}
    (method, net), task = build_method_and_net(norm=False, perturb=False, multi_step=0.0, **settings), one_task()
    network, _ = split_steps(net)
    maml = MAML(**settings)
    costs = method.loss(net, task)[0], maml.loss(network, task)[0]
    torch.testing.assert_close(*costs, rtol=1e-12, atol=1e-14)
    same_gradients(*costs, list(network.parameters()))


@pytest.mark.parametrize("steps", [1, 3])
def test_with_shared_norms_it_is_maml_that_does_not_adapt_norms(steps: int) -> None:
    """The gradients of the norms of all steps sum to the gradient of the shared norm."""
    settings: dict[str, Any] = {"inner_lr": 0.375, "inner_steps": steps}
    (method, net), task = build_method_and_net(perturb=False, multi_step=0.0, **settings), one_task()
    shared = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        shared[0].load_state_dict(net.net.backbone[0].state_dict())
        shared[3].load_state_dict(net.net.head.state_dict())
    shared[1].requires_grad_(False)
    cost, expected = method.loss(net, task)[0], MAML(**settings).loss(shared, task)[0]
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=1e-14)
    ours = torch.autograd.grad(cost, [*net.net.parameters(), *net.norms])
    theirs = torch.autograd.grad(expected, [p for p in shared.parameters() if p.requires_grad])
    for a, b in zip(ours, theirs, strict=False):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)
    for stack, slope, name in zip(net.norms, ours[4:], ("weight", "bias"), strict=True):
        with torch.no_grad():
            costs = []
            for sign in (1, -2, 1):
                shared[1].get_parameter(name)[2] += sign * 1e-5
                costs.append(float(MAML(**settings).loss(shared, task)[0]))
        assert float(slope.sum(0)[2]) == pytest.approx((costs[0] - costs[1]) / 2e-5, rel=1e-6), stack.shape


def test_every_entry_learns_from_the_last_loss() -> None:
    (method, net), task = build_method_and_net(inner_steps=3), one_task()
    method.at_progress(0.5).loss(net, task)[0].backward()
    for p in (*net.norms, *net.rates):
        assert bool((p.grad.abs().flatten(1).amax(1) if p.ndim > 1 else p.grad.abs()).gt(1e-9).all())


# The authors' rule: each weight starts at 1/N; in each of E epochs N - 1 of them give 1/(N E) to the last.
@pytest.mark.parametrize(
    "progress, expected",
    [
        (0.0, (0.2, 0.2, 0.2, 0.2, 0.2)),
        (0.01, (0.18, 0.18, 0.18, 0.18, 0.28)),
        (0.05, (0.1, 0.1, 0.1, 0.1, 0.6)),
        (0.09, (0.02, 0.02, 0.02, 0.02, 0.92)),
        (0.099, (0.006, 0.006, 0.006, 0.006, 0.976)),  # no lower than 0.03 / 5
        (0.1, (0, 0, 0, 0, 1)),
        (0.11, (0, 0, 0, 0, 1)),
        (0.9, (0, 0, 0, 0, 1)),
    ],
)
def test_the_weights_shift_to_the_last_step(progress: float, expected: tuple[float, ...]) -> None:
    method = MAMLPlusPlus().at_progress(progress)
    weights = step_weights(method.inner_steps, method.multi_step)
    assert weights == pytest.approx(expected, abs=1e-12)
    assert sum(weights) == pytest.approx(1)
    if progress >= 0.1:
        assert weights == expected  # exactly: losses of weight 0 are not computed


def test_one_step_is_the_last_step() -> None:
    assert step_weights(1, 1.0) == step_weights(1, 0.01) == step_weights(1, 0.0) == (1.0,)


def test_the_length_of_the_shift() -> None:
    method = MAMLPlusPlus(multi_step=0.5, multi_step_until=0.4)
    assert [method.at_progress(p).multi_step for p in (0, 0.2, 0.4, 1)] == pytest.approx([0.5, 0.25, 0, 0])
    assert MAMLPlusPlus(multi_step=0.0).at_progress(0.0).multi_step == 0


def test_the_order_of_the_derivative_is_annealed() -> None:
    method = MAMLPlusPlus(first_order_until=0.3)
    assert [method.at_progress(p).order for p in (0, 0.29, 0.3, 1)] == [1, 1, 2, 2]
    assert MAMLPlusPlus().at_progress(0.0).order == 2
    assert MAMLPlusPlus(order=1).at_progress(0.9).order == 1


def test_losses_of_weight_zero_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    (method, net), task = build_method_and_net(inner_steps=3), one_task()
    calls: list[int] = []
    predict = MAMLPlusPlus.predict
    monkeypatch.setattr(MAMLPlusPlus, "predict", lambda *a: calls.append(1) or predict(*a))
    method.loss(net, task)
    assert len(calls) == 3
    replace(method, multi_step=0.0).loss(net, task)
    assert len(calls) == 4


def test_more_steps_than_trained_use_the_last_entries() -> None:
    (method, net), task = build_method_and_net(inner_steps=2, test_steps=4), one_task()
    *_, trained, _, end = method.at_test().path(net, task.support)
    assert torch.equal(trained["head.weight"], method.adapt(net, task.support)["head.weight"])
    longer = PerStep(nn.Sequential(), steps=4, rate=0.1)
    longer.net = net.net
    for name, last in (("norms", 5), ("rates", 4)):
        stacks = [torch.cat([p, p[-1:], p[-1:]]) for p in getattr(net, name)]
        assert all(len(p) == last for p in stacks)
        setattr(longer, name, nn.ParameterList(stacks))
    longer.norm_names, longer.rate_names = net.norm_names, net.rate_names
    same = replace(method, inner_steps=4).adapt(longer, task.support)
    torch.testing.assert_close(end, same, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind, rate", [("classification", 0.1), ("regression", 0.01)])
def test_initial_rates(kind: str, rate: float) -> None:
    for settings, expected in (({}, rate), ({"inner_lr": 0.3}, 0.3)):
        net = build_method_and_net(kind, perturb=False, **settings)[1]
        assert all(r.tolist() == pytest.approx([expected] * 5) for r in net.rates)


@pytest.mark.parametrize("field", ["multi_step", "first_order_until"])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_shares_are_from_0_to_1(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^maml\+\+: {field} must be from 0 to 1, got {value}"):
        MAMLPlusPlus(**{field: value})


def test_settings_of_the_authors() -> None:
    method = MAMLPlusPlus()
    assert (method.inner_steps, method.test_steps, method.meta_batch, method.outer.schedule) == (5, 5, 8, "cosine")
    assert replace(method, test_steps=7).at_test() == MAMLPlusPlus(inner_steps=7, test_steps=7)
    assert method.training_sizes(Sizes(ways=20, shots=1, queries=15)) == Sizes(ways=20, shots=1, queries=1)


def test_the_figure_of_an_ensemble_is_not_beside_ours() -> None:
    """The paper's figures are those of five checkpoints and three seeds. The note states the protocol."""
    assert not any(check.published for recipe in MAMLPlusPlus.recipes for check in recipe.checks)
    for recipe in MAMLPlusPlus.recipes:
        assert "averages the predictions of the five best validated checkpoints, for three seeds" in recipe.note
    assert ["99.47" in recipe.note for recipe in MAMLPlusPlus.recipes] == [True, False, False, False]
