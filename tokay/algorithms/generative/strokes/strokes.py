"""Drawings as programs of strokes, compared by how well one explains the other: in the spirit of Bayesian program learning.

A picture is traced: its ink is thinned, cut at crossings, put together to strokes, and each stroke fitted by a cubic
B-spline. Program ψ is that list of strokes. Of a class with the example S, the logit of a query Q is

    a log P(Q | ψ_S) + b [ log P(S | ψ_Q) - log P(S) ],

the two-way score of BPL (Lake, Salakhutdinov & Tenenbaum, Science 2015; arXiv:1902.03477), without whose last term
dots and lines, which everything explains, would win. The parts are

    log P(Q | ψ) = max over z of  mean over ink of log p(q | Φz + b) - Σ_g λ_g |z_g|²/2,    (``core/strokes/beads.py``)
    log P(S)     = w · (log prior of its strokes, their number, length, height and width).

z is the token noise: how this drawing is shifted, stretched and bent, and its strokes shifted each for itself. The beads'
spread, the noise of directions, the share of stray ink, λ, a, b, w and the prior (a mixture of Gaussians over splines)
are learned: from episodes of the background alphabets, by the cross-entropy of the queries and the likelihood of strokes.

What of BPL is here: characters as strokes, splines of five control points in the prior, affine and stroke-wise token
noise, strokes put together where the pen turns least, the two-way score.

What is not:
- No motor programs: strokes are not cut into primitives at pauses of the pen, no relations between strokes ("starts at
  the end of"), no order, and no learning from recorded pen tracks; all is learned from pictures.
- One parse of each drawing, here the straightest, there the five best by a search over their posterior probability.
- Ink is a mixture of beads along the skeleton, there a grey-level image model of every pixel.
- z is the best one by EM with fixed settings (``Warp``, 20 steps of shrinking beads), and not integrated out; learned
  values score what it finds. log P(S) is log-linear in the prior and four numbers, there the model's own.
- Weights a, b, w and λ are fitted to answers (there: none). The picture alone is explained: nothing is generated.

How far it goes (one training of 100 episodes, seed 0, a CPU; nothing was chosen on evaluation alphabets): on 20 episodes
of the held-out background alphabets 10.8 % error, on the official 20 runs, scored once, 5 errors of 400: 1.25 % (95 %:
0.5 to 2.9 %). The modified Hausdorff distance has 38.8 % there. **The runs are easy for it because of who drew them**: looked at
afterwards, with the same weights, the run characters have 9.0 % by people at random (200 queries), 8.0 % and 12.0 % by two
others (drawings 1 to 8, and 9 to 20; 200 each), and 2.5 % where the four people of the runs are paired otherwise (400).
So 1.25 % is a figure of these drawings, and says nothing of handwriting at large; no claim against BPL follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, Outer, require_positive
from ....core.cost import Cost
from ....core.inner.wrapper import built_as
from ....core.objectives import Metrics, metrics
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Sizes, Task, TaskSpec
from .beads import Noise, Warp, ink, log_likelihood, register, warp_basis
from .prior import StrokePrior, stroke_shapes
from .programs import Programs, programs

_WARP = Warp()
_SEARCH = (0.03, 1.0, 0.05)  # spread, concentration and stray ink while a warp is looked for
_WIDE = 0.08  # the beads' spread at its start
_COUNTED = 5  # numbers that log P(S) is made of


class Known(NamedTuple):
    """The support set, as it was traced."""

    programs: Programs
    y: Tensor  # [n, ways]


class StrokeModel(nn.Module):
    """All that is learned about how people draw; positive numbers as logarithms."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.prior = StrokePrior(components)
        self.log_spread = nn.Parameter(torch.tensor(0.035).log())
        self.log_concentration = nn.Parameter(torch.tensor(-0.3))
        self.stray = nn.Parameter(torch.tensor(-2.0))  # log-odds
        self.log_precision = nn.Parameter(
            torch.tensor([0.01, 0.1, 0.02, 0.02]).log()
        )  # λ: shift, affine, strokes, smooth
        self.log_weight = nn.Parameter(torch.tensor([8.0, 4.0]).log())  # a and b
        self.evidence = nn.Parameter(torch.tensor([0.05, -0.2, -0.6, -0.4, -0.4]))  # w

    def noise(self) -> Noise:
        """How ink scatters about the beads."""
        return Noise(self.log_spread.exp(), self.log_concentration.exp(), self.stray.sigmoid())

    def log_evidence(self, drawn: Programs) -> Tensor:
        """log P(S) of each drawing, up to a constant: [n]."""
        real, log_p = self.log_prior(drawn)
        steps = (drawn.beads[:, 1:] - drawn.beads[:, :-1]).square().sum(-1).clamp_min(1e-12).sqrt()
        length = (steps * drawn.joined[:, :-1]).sum(1)
        size = (drawn.beads.square().mean(1) - drawn.beads.mean(1).square()).clamp_min(1e-12).sqrt()  # [n, 2]
        shape = (log_p * real).sum(1) / real.sum(1) / 10
        counted = torch.stack([shape, real.sum(1) / 3, (length + 0.05).log(), 5 * size[:, 0], 5 * size[:, 1]], -1)
        return counted @ self.evidence

    def log_prior(self, drawn: Programs) -> tuple[Tensor, Tensor]:
        """Which strokes there are, and log p of each: two [n, S]."""
        real = drawn.stroke.amax(1)
        log_p: Tensor = self.prior(stroke_shapes(drawn.control))
        return real, log_p

    def warped(self, by: Programs, drawn: Programs, steps: int) -> tuple[Tensor, Tensor]:
        """Programs [n] as they best fit drawings [m]: their beads [m, n, N, 2] about the drawing's mean, and what of
        |z|²/2 is paid for that, [m, n]."""
        points = by.beads - by.beads.mean(1, keepdim=True)  # [n, N, 2]
        basis, group = warp_basis(points, by.stroke, _WARP)  # [n, N, k]
        seen = ink(drawn.beads[:, None], drawn.joined[:, None])  # [m, 1, N, 2]
        search = Noise(*(points.new_tensor(number) for number in _SEARCH))
        z = register(points, basis, by.joined, seen, steps=steps, noise=search, wide=_WIDE)  # [m, n, k, 2]
        return points + basis @ z, (self.log_precision.exp()[group] * z.square().sum(-1)).sum(-1) / 2

    def explained(self, by: Programs, drawn: Programs, steps: int) -> Tensor:
        """log P(drawing | program), per point of ink: programs [n] and drawings [m] to [m, n]."""
        places, paid = self.warped(by, drawn, steps)
        seen = ink(drawn.beads[:, None], drawn.joined[:, None])
        return log_likelihood(places, by.joined, seen, self.noise()) - paid


def _model(net: nn.Module) -> StrokeModel:
    return built_as(StrokeModel, net, "strokes: takes the network that its build made")


@dataclass(frozen=True, kw_only=True)
class Strokes(Algorithm[Known], name="strokes"):
    """Strokes: a picture is traced to a program of pen strokes; programs that explain each other are of one class.

    State: a ``Known``: the programs of the support set (beads [n, N, 2] along their strokes) and its targets [n, ways].

    For line drawings, with one or few examples of each class and little to train on: it has about 400 weights, and no
    backbone. Pictures should be large (``--size 105`` on Omniglot): thin lines of small ones run together. What is
    no drawing is read as one all the same: a vector as a picture one pixel high. Prefer ProtoNet for photographs, and
    where there is much to train on.

    >>> letters = torch.zeros(2, 1, 9, 9)
    >>> letters[0, 0, 4, 1:8] = 1  # a dash
    >>> letters[1, 0, 4, 1:8] = letters[1, 0, 1:8, 4] = 1  # a plus
    >>> method = Strokes()
    >>> net = method.build(nn.Identity(), TaskSpec(x_shape=(1, 9, 9), y_dim=2))
    >>> state = method.adapt(net, Examples(letters, torch.eye(2, dtype=torch.bool)))
    >>> method.predict(net, state, letters.roll(1, -1)).argmax(1)
    tensor([0, 1])
    """

    reference = "after Lake, Salakhutdinov & Tenenbaum, Science 2015 and arXiv:1902.03477 (BPL; no reimplementation)"
    summary = "pictures traced to pen strokes: programs that explain each other are of one class (--size 105)"
    cost = Cost(
        "feed-forward",
        "E_T L_Q(softmax(a log P(Q|ψ_S) + b[log P(S|ψ_Q) - log P(S)])) - c log p(strokes),  ψ traced from pixels",
    )
    outer = Outer(optimizer="adam", lr=0.03, schedule="linear")
    network = "linear"
    meta_batch = 1
    any_ways = True
    kinds = ("classification",)
    recipes = (
        Recipe(
            name="strokes-omniglot-runs",
            source="omniglot-runs",
            steps=100,
            flags="--size 105 --rotations none --validate-every 0",
            checks=(Check(name="20 runs", flags="--seen-tasks 0"),),
            note="a model of our own, with no published figure. The runs are drawn by four people of each alphabet who draw "
            "alike: the same characters drawn by others are far harder for it (see the file)",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "learns": "its pictures of 4x4 pixels are grey noise, which has no strokes",
        "recorded": "drawings are traced on the processor",
    }

    beads: int = 60
    """points along the strokes of each drawing"""
    most_strokes: int = 8
    """strokes with a place and a shape of their own; what a drawing has beyond moves with the last of them"""
    components: int = 16
    """Gaussians in the prior over strokes"""
    register_steps: int = 20
    """steps of EM that warp one drawing onto another"""
    prior_weight: float = 0.1
    """c, what the likelihood of the strokes themselves counts for in the cost"""

    def __post_init__(self) -> None:
        require_positive(self, "beads", "most_strokes", "components", "register_steps", "prior_weight")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The model of strokes; the backbone is left out."""
        return StrokeModel(self.components)

    def adapt(self, net: nn.Module, support: Examples) -> Known:
        """Nothing is learned but what the examples are made of."""
        return Known(self._traced(support.x), support.y)

    def predict(self, net: nn.Module, state: Known, x: Tensor) -> Tensor:
        return self._answer(net, state, self._traced(x))

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The query loss, and the surprise of each stroke of the episode under the prior."""
        known, asked = self.adapt(net, task.support), self._traced(task.query.x)
        shown = metrics(self._answer(net, known, asked), task.query.y)
        total = count = torch.zeros_like(shown["loss"])
        for drawn, y in ((known.programs, task.support.y), (asked, task.query.y)):
            real, log_p = _model(net).log_prior(drawn)
            real = real * y.any(-1)[:, None]
            total, count = total + (real * log_p).sum(), count + real.sum()
        return shown["loss"] - self.prior_weight * total / count.clamp_min(1), shown

    def training_sizes(self, test: Sizes) -> Sizes:
        """One query per class, as in the one-shot runs."""
        return replace(test, queries=1)

    def _traced(self, x: Tensor) -> Programs:
        pictures = x[:, None] if x.ndim == 2 else x  # a vector is a picture one pixel high
        while pictures.ndim > 3:
            pictures = pictures.mean(1)  # colours
        return programs(pictures, beads=self.beads, most_strokes=self.most_strokes)

    def _answer(self, net: nn.Module, known: Known, asked: Programs) -> Tensor:
        """The score of every query against every class, a class's examples being equally likely: [m, ways]."""
        model = _model(net)
        forth = model.explained(known.programs, asked, self.register_steps)  # [m, n]
        back = model.explained(asked, known.programs, self.register_steps).mT - model.log_evidence(known.programs)
        a, b = model.log_weight.exp()
        score = (a * forth + b * back)[:, :, None]  # [m, n, 1]
        each = torch.where(known.y, score, -torch.inf)
        return torch.logsumexp(each, 1) - known.y.sum(0).log()
