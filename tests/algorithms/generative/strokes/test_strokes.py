"""The score by hand, pair by pair; letters told apart without training; changes that must not matter."""

import math

import pytest
import torch
from torch import Tensor, nn

from tokay import Examples, Strokes, Task, TaskSpec, over_tasks
from tokay.algorithms.generative.strokes.beads import Noise, Warp, beads_to_ink, log_joint, register, warp_basis
from tokay.algorithms.generative.strokes.programs import Programs
from tokay.algorithms.generative.strokes.strokes import StrokeModel

SIZE = 35
LETTERS = {  # ends of straight strokes
    "L": [((-10, -7), (10, -7)), ((10, -7), (10, 7))],
    "T": [((-10, -8), (-10, 8)), ((-10, 0), (10, 0))],
    "plus": [((-9, 0), (9, 0)), ((0, -9), (0, 9))],
    "X": [((-9, -9), (9, 9)), ((-9, 9), (9, -9))],
    "V": [((-10, -8), (10, 0)), ((-10, 8), (10, 0))],
    "dash": [((0, -9), (0, 9))],
    "dot": [((0, 0), (0, 1))],
    "square": [((-8, -8), (-8, 8)), ((-8, 8), (8, 8)), ((8, 8), (8, -8)), ((8, -8), (-8, -8))],
}


def draw(letter: str, matrix: tuple[tuple[float, float], ...] = ((1, 0), (0, 1)), move: float = 0) -> Tensor:
    """A letter, shifted and stretched, drawn with a pen two pixels wide: [1, SIZE, SIZE]."""
    at = torch.arange(SIZE, dtype=torch.float64) - SIZE // 2
    pixels = torch.cartesian_prod(at, at)
    nearest = torch.full((SIZE * SIZE,), math.inf, dtype=torch.float64)
    for stroke in LETTERS[letter]:
        a, b = torch.tensor(stroke, dtype=torch.float64) @ torch.tensor(matrix, dtype=torch.float64) + move
        share = ((pixels - a) @ (b - a) / (b - a).square().sum()).clamp(0, 1)
        nearest = torch.minimum(nearest, (pixels - a - share[:, None] * (b - a)).norm(dim=1))
    return (nearest < 1.1).double().reshape(1, SIZE, SIZE)


def task(names: list[str]) -> Task:
    """Each letter once in the support set, and once with other proportions in the query set."""
    y = torch.eye(len(names), dtype=torch.bool)
    support = torch.stack([draw(name) for name in names])
    query = torch.stack([draw(name, ((1.15, 0.12), (-0.1, 0.9)), 1.0) for name in names])
    return Task(Examples(support, y), Examples(query, y))


def network(method: Strokes, *, perturb: bool = True) -> StrokeModel:
    net = method.build(nn.Identity(), TaskSpec(x_shape=(1, SIZE, SIZE), y_dim=3)).double()
    assert isinstance(net, StrokeModel)
    if perturb:
        with torch.no_grad():
            for p in net.parameters():
                p.add_(0.2 * torch.rand_like(p))
    return net


def test_letters_are_told_apart_without_training() -> None:
    """Including dots and dashes, which every program explains well."""
    method, letters = Strokes(), task(list(LETTERS))
    net = network(method, perturb=False)
    answer = method.predict(net, method.adapt(net, letters.support), letters.query.x)
    assert answer.argmax(1).tolist() == list(range(len(LETTERS)))


def explain(net: StrokeModel, programs: Programs, n: int, drawings: Programs, m: int) -> Tensor:
    """log P(drawing m | program n), written out."""
    points = programs.beads[n] - programs.beads[n].mean(0)
    basis, group = warp_basis(points, programs.stroke[n], Warp())
    ink = beads_to_ink(drawings.beads[m], drawings.joined[m])
    search = Noise(*(torch.tensor(v, dtype=torch.float64) for v in (0.03, 1.0, 0.05)))
    z = register(points, basis, programs.joined[n], ink, steps=4, noise=search, wide=0.08)
    noise = Noise(net.log_spread.exp(), net.log_concentration.exp(), torch.sigmoid(net.stray))
    log_p = log_joint(points + basis @ z, programs.joined[n], ink, noise)
    fit = (log_p.exp().sum(0) + noise.stray).log().mean()
    penalty = sum(net.log_precision[g].exp() * z[i].square().sum() / 2 for i, g in enumerate(group.tolist()))
    return fit - penalty


def test_the_score_by_hand() -> None:
    """Two shots of each of two classes and one padded example, pair by pair."""
    method = Strokes(register_steps=4, beads=20)
    net = network(method)
    letters = task(["T", "plus", "L", "V", "X"])
    y = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 0], [0, 1]]).bool()
    state = method.adapt(net, Examples(letters.support.x, y))
    logits = method.predict(net, state, letters.query.x[:2])
    queries = method.adapt(net, Examples(letters.query.x[:2], y[:2])).programs
    a, b = net.log_weight.exp()
    evidence = net.log_evidence(state.programs)
    for m in range(2):
        scores = []
        for n in range(5):
            backward = explain(net, queries, m, state.programs, n) - evidence[n]
            scores.append(a * explain(net, state.programs, n, queries, m) + b * backward)
        expected = [torch.stack([scores[i] for i in members]).exp().mean().log() for members in ((0, 2), (1, 4))]
        torch.testing.assert_close(logits[m], torch.stack(expected))


def test_the_evidence_by_hand() -> None:
    """A plus has strokes of 18 and 16 pixels with 11 and 9 beads: log p of each shape, length, height and width."""
    method = Strokes(beads=20)
    net = network(method)
    plus = method.adapt(net, task(["plus"]).support).programs
    shapes = [net.prior(stroke_shape(plus.control[0, i])) for i in (0, 1)]
    length = sum(float((plus.beads[0, i] - plus.beads[0, i + 1]).norm()) for i in (*range(10), *range(11, 19)))
    assert length == pytest.approx(34 / SIZE, rel=0.01)
    height, width = (float(plus.beads[0, :, i].std(correction=0)) for i in (0, 1))
    numbers = [(shapes[0] + shapes[1]) / 20, 2 / 3, math.log(length + 0.05), 5 * height, 5 * width]
    expected = sum(w * number for w, number in zip(net.evidence, numbers, strict=True))
    torch.testing.assert_close(net.log_evidence(plus)[0], expected)


def stroke_shape(control: Tensor) -> Tensor:
    centred = control - control.mean(0)
    size = (centred.square().sum() / 5 + 1e-4).sqrt()
    return torch.cat([(centred / size).flatten(), size.log()[None]])


def test_the_cost_adds_the_surprise_of_every_stroke() -> None:
    letters = task(["T", "plus", "dot"])
    padded = Task(letters.support, Examples(letters.query.x, letters.query.y & torch.tensor([[True], [True], [False]])))
    method = Strokes(prior_weight=0.3, register_steps=2)
    net = network(method)
    cost, report = method.loss(net, padded)
    programs = [method.adapt(net, part).programs for part in letters]
    counts = [(0, 0, 2), (0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 1, 2)]  # part, letter, number of strokes; no padding
    shapes = [stroke_shape(programs[part].control[i, s]) for part, i, strokes in counts for s in range(strokes)]
    assert len(shapes) == 9
    surprise = -net.prior(torch.stack(shapes)).mean()
    torch.testing.assert_close(cost, report["loss"] + 0.3 * surprise)


def test_gradients_are_finite_differences_on_drawings() -> None:
    method = Strokes(beads=20, register_steps=6, components=3)
    net, letters = network(method), task(["T", "X", "dash"])
    parameters = list(net.parameters())
    gradient = torch.autograd.grad(method.loss(net, letters)[0], parameters)
    for p, g in zip(parameters, gradient, strict=True):
        direction = torch.randn_like(p)
        costs = []
        for side in (1e-5, -1e-5):
            with torch.no_grad():
                p.add_(direction, alpha=side)
                costs.append(method.loss(net, letters)[0])
                p.sub_(direction, alpha=side)
        slope = (costs[0] - costs[1]) / 2e-5
        torch.testing.assert_close((g * direction).sum(), slope, rtol=1e-5, atol=1e-8)


def test_mapped_tasks_are_looped_tasks() -> None:
    method = Strokes(beads=20, register_steps=3)
    net = network(method)
    tasks = [task(names) for names in (["T", "X", "dash"], ["dot", "square", "L"])]
    both = Task(*(Examples(*map(torch.stack, zip(*parts, strict=True))) for parts in zip(*tasks, strict=True)))
    costs = over_tasks(lambda task: method.loss(net, task)[0], both)
    torch.testing.assert_close(costs, torch.stack([method.loss(net, one)[0] for one in tasks]))


def test_an_example_given_twice_changes_nothing() -> None:
    method = Strokes(beads=20, register_steps=3)
    net, letters = network(method), task(["T", "X", "V"])
    twice = Examples(letters.support.x.repeat(2, 1, 1, 1), letters.support.y.repeat(2, 1))
    a, b = (method.predict(net, method.adapt(net, support), letters.query.x) for support in (letters.support, twice))
    torch.testing.assert_close(a, b)


def test_the_place_of_a_drawing_does_not_matter() -> None:
    method = Strokes(beads=20, register_steps=3)
    net, letters = network(method), task(["T", "X", "V"])
    state = method.adapt(net, letters.support)
    a, b = (method.predict(net, state, x) for x in (letters.query.x, letters.query.x.roll((2, 1), (-2, -1))))
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_colours_are_averaged_and_a_vector_is_one_row() -> None:
    method, letters = Strokes(beads=20), task(["T", "X"])
    net = network(method)
    plain = method.adapt(net, letters.support).programs
    for x in (letters.support.x.expand(-1, 3, -1, -1), letters.support.x[:, 0]):
        assert torch.equal(method.adapt(net, Examples(x, letters.support.y)).programs.beads, plain.beads)
    row = method.adapt(net, Examples(torch.tensor([[0.0, 1, 1, 1, 0]]), torch.ones(1, 1).bool())).programs
    assert row.beads[0, :, 0].abs().max() == 0
    assert row.beads[0, -1].tolist() == pytest.approx([0, 0.2], abs=1e-3)
