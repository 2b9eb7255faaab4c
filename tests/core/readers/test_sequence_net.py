"""Reading a task, against a slow loop over torch's LSTM cell, one example at a time."""

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tokay
from tokay import ConfigError, Examples, Task, TaskSpec, one_hot, over_tasks
from tokay.core.predictions import check_kind
from tokay.core.readers.recurrent import LSTMMemory
from tokay.core.readers.sequence_net import SequenceNet, predict_queries, read_support, sequence_loss

D = 3


def network(kind: str = "classification", *, standardise: bool = False) -> SequenceNet:
    backbone = nn.Sequential(nn.Linear(4, 6), nn.Tanh())
    spec = TaskSpec(x_shape=(4,), y_dim=D, kind=kind)  # type: ignore[arg-type]
    return SequenceNet(backbone, spec, partial(LSTMMemory, hidden_size=5), standardise=standardise).double()


def examples(n: int, kind: str = "classification") -> Examples:
    y = one_hot(torch.arange(n) % D, D) if kind == "classification" else torch.randn(n, D, dtype=torch.float64)
    return Examples(torch.randn(n, 4, dtype=torch.float64), y)


def predict_slowly(net: SequenceNet, x: Tensor, y: Tensor) -> list[Tensor]:
    """The prediction at every step of a sequence. torch's cell reads (x_t, y_{t-1})."""
    cell = nn.LSTMCell(6 + D, 5).double()
    ours = net.cell
    cell.load_state_dict(
        {
            "weight_ih": ours.from_input.weight,
            "bias_ih": ours.from_input.bias,
            "weight_hh": ours.from_hidden.weight,
            "bias_hh": ours.from_hidden.bias,
        }
    )
    state = (torch.zeros(1, 5).double(), torch.zeros(1, 5).double())
    label, predictions = torch.zeros(1, D).double(), []
    for t in range(len(x)):
        state = cell(torch.cat([net.backbone(x[t : t + 1]), label], 1), state)
        label = y[t : t + 1].double()
        predictions.append(net.head(state[0])[0])
    return predictions


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_it_is_one_sequence_that_ends_with_a_query(kind: str) -> None:
    net, (x, y), query = network(kind), examples(7, kind), examples(4, kind)
    state, support_predictions = read_support(net, Examples(x, y))
    predictions = predict_queries(net, state, query.x)
    for query_x, prediction in zip(query.x, predictions, strict=True):
        expected = predict_slowly(net, torch.cat([x, query_x[None]]), torch.cat([y, y[:1]]))
        torch.testing.assert_close(
            torch.stack([*support_predictions, prediction]), torch.stack(expected), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_loss_is_the_mean_over_the_sequence(kind: str) -> None:
    """With one query, over its n + 1 steps. With m queries, all n + m predictions have the same weight."""
    net, (x, y), query = network(kind), examples(7, kind), examples(4, kind)
    support_predictions, query_losses = [], []
    for query_x, query_y in zip(*query, strict=True):
        predictions = torch.stack(predict_slowly(net, torch.cat([x, query_x[None]]), torch.cat([y, y[:1]])))
        targets = torch.cat([y, query_y[None]])
        if kind == "classification":
            losses = F.cross_entropy(predictions, targets.int().argmax(1), reduction="none")
        else:
            losses = (predictions - targets).square().mean(1)
        cost, measured = sequence_loss(net, Task(Examples(x, y), Examples(query_x[None], query_y[None])))
        torch.testing.assert_close((cost, measured["loss"]), (losses.mean(), losses[-1]), rtol=1e-12, atol=1e-12)
        support_predictions = list(losses[:-1])
        query_losses.append(losses[-1])
    cost, measured = sequence_loss(net, Task(Examples(x, y), query))
    torch.testing.assert_close(cost, torch.stack(support_predictions + query_losses).mean(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(measured["loss"], torch.stack(query_losses).mean(), rtol=1e-12, atol=1e-12)


def test_classes_that_do_not_occur_are_left_out() -> None:
    """Two classes of three occur: the softmax is over those two, and the third gets no gradient."""
    net = network()
    with torch.no_grad():
        net.head.bias[1] = 5.0  # would win otherwise
    support, query = (examples(n) for n in (7, 5))
    support, query = (Examples(p.x, one_hot(torch.arange(len(p.x)) % 2 * 2, D)) for p in (support, query))
    loss, measured = sequence_loss(net, Task(support, query))
    state, support_predictions = read_support(net, support)
    predictions = torch.cat([support_predictions, predict_queries(net, state, query.x)])[:, [0, 2]]
    y = torch.cat([support.y, query.y])[:, 2].long()
    torch.testing.assert_close(loss, F.cross_entropy(predictions, y), rtol=1e-12, atol=0)
    hits = (predictions.argmax(1) == y).double()
    torch.testing.assert_close(measured["accuracy"], hits[7:].mean(), rtol=1e-12, atol=0)
    weight, bias = torch.autograd.grad(loss, [net.head.weight, net.head.bias])
    assert not weight[1].any()
    assert float(bias[1]) == 0
    assert weight[[0, 2]].abs().min() > 0


def test_a_class_of_the_queries_only_is_not_left_out() -> None:
    net, support, query = network(), examples(4), examples(3)
    support = Examples(support.x, one_hot(torch.arange(4) % 2, D))
    loss, _ = sequence_loss(net, Task(support, query))
    state, support_predictions = read_support(net, support)
    predictions, y = (
        torch.cat([support_predictions, predict_queries(net, state, query.x)]),
        torch.cat([support.y, query.y]),
    )
    torch.testing.assert_close(loss, F.cross_entropy(predictions, y.double()), rtol=1e-12, atol=0)


def test_queries_continue_a_sequence() -> None:
    """The queries are the next rows, one after the other. The network reads no label, and the support rows cost nothing."""
    net, x = network("sequence"), torch.randn(7, 4, dtype=torch.float64)
    y = torch.randint(0, 2, (7, D)).to(torch.uint8)
    cell, ours = nn.LSTMCell(6, 5).double(), net.cell
    cell.load_state_dict(
        {
            "weight_ih": ours.from_input.weight,
            "bias_ih": ours.from_input.bias,
            "weight_hh": ours.from_hidden.weight,
            "bias_hh": ours.from_hidden.bias,
        }
    )
    state, expected = (torch.zeros(1, 5).double(), torch.zeros(1, 5).double()), []
    for t in range(7):
        state = cell(net.backbone(x[t : t + 1]), state)
        expected.append(net.head(state[0])[0])
    state, support_predictions = read_support(net, Examples(x[:4], y[:4]))
    predictions = predict_queries(net, state, x[4:])
    torch.testing.assert_close(
        torch.cat([support_predictions, predictions]), torch.stack(expected), rtol=1e-12, atol=1e-12
    )
    other = read_support(net, Examples(x[:4], 1 - y[:4]))[0]
    torch.testing.assert_close(other.memory, state.memory, rtol=0, atol=0)
    cost, measured = sequence_loss(net, Task(Examples(x[:4], y[:4]), Examples(x[4:], y[4:])))
    torch.testing.assert_close(cost, F.binary_cross_entropy_with_logits(predictions, y[4:].double()))
    assert cost == measured["loss"]


def pad(part: Examples, at: tuple[int, ...]) -> Examples:
    """Adds rows without a class before the positions ``at``."""
    x, y = part
    for place in sorted(at, reverse=True):
        x = torch.cat([x[:place], 10 * torch.randn_like(x[:1]), x[place:]])
        y = torch.cat([y[:place], torch.zeros_like(y[:1]), y[place:]])
    return Examples(x, y)


@pytest.mark.parametrize("at", [(0,), (7,), (2, 2, 5), (0, 3, 7, 7)])
def test_padding_is_not_read(at: tuple[int, ...]) -> None:
    net, support, query = network(), examples(7), examples(4)
    filled = pad(support, at)
    (expected_state, expected), (state, support_predictions) = read_support(net, support), read_support(net, filled)
    torch.testing.assert_close(state, expected_state, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(support_predictions[filled.y.any(1)], expected, rtol=1e-12, atol=1e-12)
    cost = sequence_loss(net, Task(support, query))[0]
    torch.testing.assert_close(sequence_loss(net, Task(filled, query))[0], cost, rtol=1e-12, atol=1e-12)


def test_a_target_of_zeros_is_not_padding() -> None:
    net, (x, y) = network("regression"), examples(3, "regression")
    y = torch.cat([y[:2], torch.zeros_like(y[:1])])
    assert not torch.equal(
        read_support(net, Examples(x, y))[0].label, read_support(net, Examples(x[:2], y[:2]))[0].label
    )
    assert not torch.allclose(
        read_support(net, Examples(x, y))[0].memory[0], read_support(net, Examples(x[:2], y[:2]))[0].memory[0]
    )


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_an_empty_support_set(kind: str) -> None:
    """A call of the module predicts the same."""
    net, support, query = network(kind), examples(0, kind), examples(4, kind)
    state, support_predictions = read_support(net, support)
    assert support_predictions.shape == (0, D)
    expected = torch.stack([predict_slowly(net, x[None], query.y)[0] for x in query.x])
    torch.testing.assert_close(predict_queries(net, state, query.x), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(net(query.x), expected, rtol=1e-12, atol=1e-12)
    cost, measured = sequence_loss(net, Task(support, query))
    assert cost == measured["loss"]
    assert bool(torch.isfinite(cost))


def test_the_state_has_the_dtype_of_the_inputs_under_vmap() -> None:
    net, support = network(), examples(4)
    both = Examples(*(torch.stack([part, part]) for part in support))
    state = over_tasks(lambda task: read_support(net, task.support)[0], Task(both, both))
    assert state.label.dtype == torch.float64
    assert state.label.shape == (2, D)
    torch.testing.assert_close(state.label[0], support.y[-1].double())


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_standardise_equals_a_plain_network_on_standardised_inputs(kind: str) -> None:
    """With features standardised by hand, and labels √6 times as large, the same weights predict the same."""
    net, (x, y), query = network(kind, standardise=True), examples(7, kind), examples(4, kind)
    plain = network(kind)
    plain.load_state_dict(net.state_dict())
    features = net.backbone(x)
    centre = features.mean(0)
    spread = ((features - centre).square().mean() + 0.01).sqrt()
    plain.backbone = nn.Sequential(net.backbone, _Affine(centre, spread))
    state, support_predictions = read_support(net, Examples(x, y))
    with torch.no_grad():
        plain.cell.from_input.weight[:, 6:] *= 6**0.5
    expected_state, expected = read_support(plain, Examples(x, y))
    torch.testing.assert_close(support_predictions, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.memory, expected_state.memory, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        predict_queries(net, state, query.x), predict_queries(plain, expected_state, query.x), rtol=1e-12, atol=1e-12
    )


class _Affine(nn.Module):
    def __init__(self, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.centre, self.spread = centre, spread

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.centre) / self.spread


def test_standardised_queries_are_independent_and_padding_does_not_count() -> None:
    net, support, query = network(standardise=True), examples(7), examples(4)
    state, support_predictions = read_support(net, support)
    singly = torch.cat([predict_queries(net, state, x[None]) for x in query.x])
    torch.testing.assert_close(predict_queries(net, state, query.x), singly, rtol=1e-12, atol=1e-12)
    filled = pad(support, (0, 3, 7, 7))
    filled_state, filled_predictions = read_support(net, filled)
    torch.testing.assert_close(filled_state, state, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(filled_predictions[filled.y.any(1)], support_predictions, rtol=1e-12, atol=1e-12)


def test_standardised_a_target_of_zeros_counts() -> None:
    net, (x, y) = network("regression", standardise=True), examples(3, "regression")
    y = torch.cat([y[:2], torch.zeros_like(y[:1])])
    centre = read_support(net, Examples(x, y))[0].standardiser.centre
    torch.testing.assert_close(centre, net.backbone(x).mean(0))


def test_standardised_with_an_empty_support_set() -> None:
    net, plain, query = network(standardise=True), network(), examples(4)
    plain.load_state_dict(net.state_dict())
    state, support_predictions = read_support(net, examples(0))
    assert support_predictions.shape == tokay.LSTM(standardise=True).predict_along(net, examples(0)).shape == (0, D)
    torch.testing.assert_close(
        predict_queries(net, state, query.x), predict_queries(plain, plain.start(query.x), query.x)
    )


@pytest.mark.parametrize("kind", [k for k in tokay.list_algorithms().values() if hasattr(k, "standardise")])
def test_a_standardised_method_refuses_sequence_tasks(kind: Any) -> None:
    spec = TaskSpec(x_shape=(4,), y_dim=D, kind="sequence")
    check_kind(kind(), spec, where="train")
    with pytest.raises(
        ConfigError, match=rf"^train: {kind.name} learns classification or regression, got sequence tasks"
    ):
        check_kind(kind(standardise=True), spec, where="train")


def test_another_network_is_refused() -> None:
    with pytest.raises(TypeError, match="method's build made"):
        read_support(nn.Identity(), examples(2))
