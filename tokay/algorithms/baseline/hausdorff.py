"""The modified Hausdorff distance between drawings (Dubuisson & Jain, 1994): nothing is learned.

A picture is the set of its ink pixels' coordinates with their mean subtracted. With d(p, B) = min over q in B of ||p - q||,

    h(A, B) = mean over p in A of d(p, B),      H(A, B) = max( h(A, B), h(B, A) ),

and the class of the nearest support example wins. It is the baseline of the official Omniglot one-shot challenge (Lake,
Salakhutdinov & Tenenbaum, 2015), whose demo gives it 38.8 % error on the 20 runs at 105x105, as this does.

Shapes must be static to be mapped over tasks, so no list of ink pixels is made: d is computed for every pixel, and exactly,
in two passes. The nearest ink within each column comes from a table, by rounding the shifted row down and up; the nearest
over columns is a minimum of their sums of squares: H W² numbers per pair instead of (H W)², and of the inputs' own dtype.
(Centres are in float64. On the 20 runs the nearest and the second differ by 8e-4 of a distance or more, where float32 errs
by 1e-7.)

Beyond the paper: a class of several shots is as near as its nearest one; a blank picture is one point; the pictures of an
input are its last two axes (a vector is one row), and a pixel that is ink in any channel is ink.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_positive
from ...core.cost import Cost
from ...core.geometry import class_minima
from ...core.recipe import Check, Recipe
from ...core.sharpness import Sharpness
from ...core.task import Examples, TaskSpec


class Drawing(NamedTuple):
    """One picture, and what makes the nearest ink to any point of it quick to find. Rows count from 0."""

    ink: Tensor  # bool [H, W]
    centre: Tensor  # [2], the mean row and column of the ink
    above: Tensor  # [H + 1, W], at k: the last row of ink before row k in each column, -inf for none
    below: Tensor  # [H + 1, W], at k: the first row of ink from row k on, inf for none


@dataclass(frozen=True, kw_only=True)
class Hausdorff(Algorithm[tuple[list[Drawing], Tensor]], name="hausdorff"):
    """Hausdorff: two drawings are as far apart as their ink is on average; the nearest support example wins.

    State: the support's drawings, one ``Drawing`` each, and its classes [n, ways].

    For drawings alone: ink must be brighter than ``threshold`` (as Omniglot's and the letters of glyphs are).
    Time per pair of pictures grows with the third power of their side.

    >>> support = Examples(torch.eye(3)[:2, None].expand(2, 3, 3), torch.eye(2, dtype=torch.bool))
    >>> hausdorff = Hausdorff()
    >>> net = hausdorff.build(nn.Flatten(), None)
    >>> hausdorff.predict(net, hausdorff.adapt(net, support), support.x).tolist()
    [[-0.0, -0.0], [-0.0, -0.0]]
    """

    reference = "Dubuisson & Jain, 1994, A modified Hausdorff distance for object matching, ICPR"
    summary = "baseline: drawings are as far apart as their ink is on average; the nearest wins"
    cost = Cost("no adaptation", "none: nothing is learned")
    network = "linear"
    any_ways = True
    learns = False
    kinds = ("classification",)
    recipes = (
        Recipe(
            name="hausdorff-omniglot-runs",
            source="omniglot-runs",
            steps=1,
            flags="--size 105",
            checks=(
                Check(
                    name="20 runs",
                    flags="--seen-tasks 0",
                    published="61.2 (38.8 % error)",
                    protocol="the official 20 runs, 20-way 1-shot within an alphabet, each once; inductive [C]",
                ),
            ),
            note="Nothing is trained.",
        ),
    )

    threshold: float = 0.5
    """values above this are ink"""

    def __post_init__(self) -> None:
        require_positive(self, "threshold")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """No backbone: how sharp the probabilities are is all there is."""
        return Sharpness()

    def adapt(self, net: nn.Module, support: Examples) -> tuple[list[Drawing], Tensor]:
        return self._drawings(support.x), support.y

    def predict(self, net: nn.Module, state: tuple[list[Drawing], Tensor], x: Tensor) -> Tensor:
        known, y = state
        rows = [torch.stack([_distance(asked, drawing, x) for drawing in known]) for asked in self._drawings(x)]
        logits: Tensor = net(class_minima(torch.stack(rows), y))  # [m, ways]
        return logits

    def _drawings(self, x: Tensor) -> list[Drawing]:
        pictures = x[:, None] if x.ndim == 2 else x
        ink = (pictures > self.threshold).reshape(len(x), -1, *pictures.shape[-2:]).any(1)  # [n, H, W]
        return [_drawing(picture) for picture in ink]


def _drawing(ink: Tensor) -> Drawing:
    """The tables of a picture ``[H, W]``."""
    height, width = ink.shape
    first = torch.zeros_like(ink)
    first[0, 0] = True
    ink = ink | (first & ~ink.any())
    rows, columns = _steps(height, ink)[:, None], _steps(width, ink)
    share = ink / ink.sum().double()
    none = rows.new_full((1, width), torch.inf)
    above = torch.where(ink, rows, -torch.inf).cummax(0).values
    below = torch.where(ink, rows, torch.inf).flip(0).cummin(0).values.flip(0)
    centre = torch.stack([(share * rows).sum(), (share * columns).sum()])
    return Drawing(ink, centre, torch.cat([-none, above]), torch.cat([below, none]))


def _distance(a: Drawing, b: Drawing, like: Tensor) -> Tensor:
    """H(a, b), of the dtype of ``like``."""
    return torch.maximum(_mean_distance(a, b, like), _mean_distance(b, a, like))


def _mean_distance(a: Drawing, b: Drawing, like: Tensor) -> Tensor:
    """h(a, b): from the ink of a to the nearest of b, where b lies with its centre on that of a."""
    height, width = a.ink.shape
    shift = b.centre - a.centre
    rows = _steps(height, a.ink) + shift[0]  # those of a, as rows of b
    after = (rows.floor() + 1).clamp(0, height).long()[:, None].expand(height, width)  # the first row of b behind each
    up, down = rows[:, None] - b.above.gather(0, after), b.below.gather(0, after) - rows[:, None]
    within = torch.minimum(up, down).square().to(like)  # [H, W]: to the nearest ink in each column of b
    columns = _steps(width, a.ink)
    across = (columns[:, None] + shift[1] - columns).square().to(like)  # [W of a, W of b]
    nearest = (within[:, None] + across).amin(-1).sqrt()  # [H, W]
    return torch.where(a.ink, nearest, 0).sum() / a.ink.sum()


def _steps(n: int, like: Tensor) -> Tensor:
    return torch.arange(n, dtype=torch.float64, device=like.device)
