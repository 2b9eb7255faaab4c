"""Reading a task, against a slow loop over torch's own cell, one example at a time."""

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
from tokay.core.readers.sequence import SequenceNet, ask, read, sequence_loss

D = 3


def network(kind: str = "classification", *, standardise: bool = False) -> SequenceNet:
    backbone = nn.Sequential(nn.Linear(4, 6), nn.Tanh())
    spec = TaskSpec(x_shape=(4,), y_dim=D, kind=kind)  # type: ignore[arg-type]
    return SequenceNet(backbone, spec, partial(LSTMMemory, hidden=5), standardise=standardise).double()


def examples(n: int, kind: str = "classification") -> Examples:
    y = one_hot(torch.arange(n) % D, D) if kind == "classification" else torch.randn(n, D, dtype=torch.float64)
    return Examples(torch.randn(n, 4, dtype=torch.float64), y)


def slowly(net: SequenceNet, x: Tensor, y: Tensor) -> list[Tensor]:
    """The answer at every position of a sequence: (x_t, y_{t-1}) goes in, torch's cell does the rest."""
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
    label, answers = torch.zeros(1, D).double(), []
    for t in range(len(x)):
        state = cell(torch.cat([net.backbone(x[t : t + 1]), label], 1), state)
        label = y[t : t + 1].double()
        answers.append(net.head(state[0])[0])
    return answers


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_it_is_one_sequence_that_ends_with_a_query(kind: str) -> None:
    net, (x, y), query = network(kind), examples(7, kind), examples(4, kind)
    seen, along = read(net, Examples(x, y))
    answers = ask(net, seen, query.x)
    for asked, answered in zip(query.x, answers, strict=True):
        expected = slowly(net, torch.cat([x, asked[None]]), torch.cat([y, y[:1]]))
        torch.testing.assert_close(torch.stack([*along, answered]), torch.stack(expected), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_loss_is_the_mean_over_the_sequence(kind: str) -> None:
    """With one query: over its n + 1 positions. With more, every one of the n + m predictions weighs the same."""
    net, (x, y), query = network(kind), examples(7, kind), examples(4, kind)
    along, asked = [], []
    for question, truth in zip(*query, strict=True):
        answers = torch.stack(slowly(net, torch.cat([x, question[None]]), torch.cat([y, y[:1]])))
        truths = torch.cat([y, truth[None]])
        if kind == "classification":
            losses = F.cross_entropy(answers, truths.int().argmax(1), reduction="none")
        else:
            losses = (answers - truths).square().mean(1)
        cost, measured = sequence_loss(net, Task(Examples(x, y), Examples(question[None], truth[None])))
        torch.testing.assert_close((cost, measured["loss"]), (losses.mean(), losses[-1]), rtol=1e-12, atol=1e-12)
        along = list(losses[:-1])
        asked.append(losses[-1])
    cost, measured = sequence_loss(net, Task(Examples(x, y), query))
    torch.testing.assert_close(cost, torch.stack(along + asked).mean(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(measured["loss"], torch.stack(asked).mean(), rtol=1e-12, atol=1e-12)


def test_classes_that_do_not_occur_are_no_choice() -> None:
    """Two classes of three: the loss is that of a choice between the two, and the third learns nothing."""
    net = network()
    with torch.no_grad():
        net.head.bias[1] = 5.0  # would be the answer otherwise
    support, query = (examples(n) for n in (7, 5))
    support, query = (Examples(p.x, one_hot(torch.arange(len(p.x)) % 2 * 2, D)) for p in (support, query))
    loss, measured = sequence_loss(net, Task(support, query))
    seen, along = read(net, support)
    answers = torch.cat([along, ask(net, seen, query.x)])[:, [0, 2]]
    y = torch.cat([support.y, query.y])[:, 2].long()
    torch.testing.assert_close(loss, F.cross_entropy(answers, y), rtol=1e-12, atol=0)
    right = (answers.argmax(1) == y).double()
    torch.testing.assert_close(measured["accuracy"], right[7:].mean(), rtol=1e-12, atol=0)
    weight, bias = torch.autograd.grad(loss, [net.head.weight, net.head.bias])
    assert not weight[1].any()
    assert float(bias[1]) == 0
    assert weight[[0, 2]].abs().min() > 0


def test_a_class_that_is_only_asked_for_is_a_choice() -> None:
    net, support, query = network(), examples(4), examples(3)
    support = Examples(support.x, one_hot(torch.arange(4) % 2, D))
    loss, _ = sequence_loss(net, Task(support, query))
    seen, along = read(net, support)
    answers, y = torch.cat([along, ask(net, seen, query.x)]), torch.cat([support.y, query.y])
    torch.testing.assert_close(loss, F.cross_entropy(answers, y.double()), rtol=1e-12, atol=0)


def test_a_sequence_goes_on() -> None:
    """Its queries are the next rows, one after the other; no label is read, and nothing is asked of what is read first."""
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
    seen, along = read(net, Examples(x[:4], y[:4]))
    answers = ask(net, seen, x[4:])
    torch.testing.assert_close(torch.cat([along, answers]), torch.stack(expected), rtol=1e-12, atol=1e-12)
    other = read(net, Examples(x[:4], 1 - y[:4]))[0]
    torch.testing.assert_close(other.memory, seen.memory, rtol=0, atol=0)
    cost, measured = sequence_loss(net, Task(Examples(x[:4], y[:4]), Examples(x[4:], y[4:])))
    torch.testing.assert_close(cost, F.binary_cross_entropy_with_logits(answers, y[4:].double()))
    assert cost == measured["loss"]


def padded(part: Examples, at: tuple[int, ...]) -> Examples:
    """Rows of no class in front of the places ``at``."""
    x, y = part
    for place in sorted(at, reverse=True):
        x = torch.cat([x[:place], 10 * torch.randn_like(x[:1]), x[place:]])
        y = torch.cat([y[:place], torch.zeros_like(y[:1]), y[place:]])
    return Examples(x, y)


@pytest.mark.parametrize("at", [(0,), (7,), (2, 2, 5), (0, 3, 7, 7)])
def test_padding_is_not_read(at: tuple[int, ...]) -> None:
    net, support, query = network(), examples(7), examples(4)
    filled = padded(support, at)
    (seen, along), (seen_too, along_too) = read(net, support), read(net, filled)
    torch.testing.assert_close(seen_too, seen, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(along_too[filled.y.any(1)], along, rtol=1e-12, atol=1e-12)
    cost = sequence_loss(net, Task(support, query))[0]
    torch.testing.assert_close(sequence_loss(net, Task(filled, query))[0], cost, rtol=1e-12, atol=1e-12)


def test_a_target_of_zeros_is_no_padding() -> None:
    net, (x, y) = network("regression"), examples(3, "regression")
    y = torch.cat([y[:2], torch.zeros_like(y[:1])])
    assert not torch.equal(read(net, Examples(x, y))[0].label, read(net, Examples(x[:2], y[:2]))[0].label)
    assert not torch.allclose(read(net, Examples(x, y))[0].memory[0], read(net, Examples(x[:2], y[:2]))[0].memory[0])


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_nothing_seen(kind: str) -> None:
    """An empty support set, for which the module itself answers, too."""
    net, support, query = network(kind), examples(0, kind), examples(4, kind)
    seen, along = read(net, support)
    assert along.shape == (0, D)
    expected = torch.stack([slowly(net, x[None], query.y)[0] for x in query.x])
    torch.testing.assert_close(ask(net, seen, query.x), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(net(query.x), expected, rtol=1e-12, atol=1e-12)
    cost, measured = sequence_loss(net, Task(support, query))
    assert cost == measured["loss"]
    assert bool(torch.isfinite(cost))


def test_what_is_seen_has_the_dtype_of_the_inputs_under_vmap() -> None:
    net, support = network(), examples(4)
    both = Examples(*(torch.stack([part, part]) for part in support))
    seen = over_tasks(lambda task: read(net, task.support)[0], Task(both, both))
    assert seen.label.dtype == torch.float64
    assert seen.label.shape == (2, D)
    torch.testing.assert_close(seen.label[0], support.y[-1].double())


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_standardised_it_reads_what_a_network_of_standardised_inputs_reads(kind: str) -> None:
    """Measured by hand, with labels √6 times as large, the same weights give the same answers."""
    net, (x, y), query = network(kind, standardise=True), examples(7, kind), examples(4, kind)
    plain = network(kind)
    plain.load_state_dict(net.state_dict())
    features = net.backbone(x)
    centre = features.mean(0)
    spread = ((features - centre).square().mean() + 0.01).sqrt()
    plain.backbone = nn.Sequential(net.backbone, _Affine(centre, spread))
    seen, along = read(net, Examples(x, y))
    with torch.no_grad():
        plain.cell.from_input.weight[:, 6:] *= 6**0.5
    expected_seen, expected = read(plain, Examples(x, y))
    torch.testing.assert_close(along, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(seen.memory, expected_seen.memory, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ask(net, seen, query.x), ask(plain, expected_seen, query.x), rtol=1e-12, atol=1e-12)


class _Affine(nn.Module):
    def __init__(self, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.centre, self.spread = centre, spread

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.centre) / self.spread


def test_standardised_no_query_sees_another_and_padding_does_not_count() -> None:
    net, support, query = network(standardise=True), examples(7), examples(4)
    seen, along = read(net, support)
    alone = torch.cat([ask(net, seen, x[None]) for x in query.x])
    torch.testing.assert_close(ask(net, seen, query.x), alone, rtol=1e-12, atol=1e-12)
    filled = padded(support, (0, 3, 7, 7))
    seen_too, along_too = read(net, filled)
    torch.testing.assert_close(seen_too, seen, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(along_too[filled.y.any(1)], along, rtol=1e-12, atol=1e-12)


def test_standardised_a_target_of_zeros_counts() -> None:
    net, (x, y) = network("regression", standardise=True), examples(3, "regression")
    y = torch.cat([y[:2], torch.zeros_like(y[:1])])
    centre = read(net, Examples(x, y))[0].measure.centre
    torch.testing.assert_close(centre, net.backbone(x).mean(0))


def test_standardised_with_nothing_seen() -> None:
    net, plain, query = network(standardise=True), network(), examples(4)
    plain.load_state_dict(net.state_dict())
    seen, along = read(net, examples(0))
    assert along.shape == tokay.LSTM(standardise=True).along(net, examples(0)).shape == (0, D)
    torch.testing.assert_close(ask(net, seen, query.x), ask(plain, plain.start(query.x), query.x))


@pytest.mark.parametrize("kind", [k for k in tokay.list_algorithms().values() if hasattr(k, "standardise")])
def test_a_sequence_of_its_own_has_nothing_to_standardise(kind: Any) -> None:
    spec = TaskSpec(x_shape=(4,), y_dim=D, kind="sequence")
    check_kind(kind(), spec, where="train")
    with pytest.raises(
        ConfigError, match=rf"^train: {kind.name} learns classification or regression, got sequence tasks"
    ):
        check_kind(kind(standardise=True), spec, where="train")


def test_it_takes_its_own_network_alone() -> None:
    with pytest.raises(TypeError, match="method's build made"):
        read(nn.Identity(), examples(2))
