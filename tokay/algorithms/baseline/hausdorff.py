"""The modified Hausdorff distance between drawings (Dubuisson & Jain, 1994): nothing is learned.

A picture is a set of points: the coordinates of its ink pixels, minus their mean. With d(p, B) = min over q in B of ||p - q||,

    h(A, B) = mean over p in A of d(p, B),      H(A, B) = max( h(A, B), h(B, A) ),

The class of the nearest support example wins. This is the baseline of the official Omniglot one-shot challenge (Lake,
Salakhutdinov & Tenenbaum, 2015). Its demo has 38.8 % error on the 20 runs at 105x105, and so has this code.

``over_tasks`` needs static shapes, so there is no list of ink pixels. d is computed exactly for every pixel, in two passes.
First, a table gives the nearest ink in each column, above and below the shifted row. Second, the nearest over all columns is
a minimum of sums of squares. This takes H W² numbers per pair instead of (H W)², in the dtype of the inputs. Centres are in
float64.

Beyond the paper:
- The distance to a class of several shots is that to its nearest example.
- A blank picture is one point.
- A picture is the last two axes of an input; a vector is one row. A pixel is ink if it is ink in any channel.
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
    """One picture with lookup tables for the nearest ink in a column. Rows count from 0."""

    ink: Tensor  # bool [H, W]
    centre: Tensor  # [2], mean row and column of the ink
    above: Tensor  # [H + 1, W], at k: last row of ink before row k in each column, -inf if none
    below: Tensor  # [H + 1, W], at k: first row of ink from row k on, inf if none


@dataclass(frozen=True, kw_only=True)
class Hausdorff(Algorithm[tuple[list[Drawing], Tensor]], name="hausdorff"):
    """Hausdorff: the distance of two drawings is the mean distance of their ink; the nearest support example wins.

    State: one ``Drawing`` per support example, and the targets [n, ways].

    Only for drawings: ink must be brighter than ``threshold``, as in ``omniglot`` and ``glyphs``. The time per pair of
    pictures grows with the third power of their side.

    >>> support = Examples(torch.eye(3)[:2, None].expand(2, 3, 3), torch.eye(2, dtype=torch.bool))
    >>> hausdorff = Hausdorff()
    >>> net = hausdorff.build(nn.Flatten(), None)
    >>> hausdorff.predict(net, hausdorff.adapt(net, support), support.x).tolist()
    [[-0.0, -0.0], [-0.0, -0.0]]
    """

    reference = "Dubuisson & Jain, 1994, A modified Hausdorff distance for object matching, ICPR"
    summary = "baseline: mean distance between the ink of two drawings; the nearest wins"
    cost = Cost("no adaptation", "none: nothing is learned")
    network = "linear"
    any_ways = True
    compares_inputs = True
    refuses_indices = "it compares drawings"
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
    """pixels brighter than this are ink"""

    def __post_init__(self) -> None:
        require_positive(self, "threshold")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """One weight, the sharpness of the probabilities. The backbone is not used."""
        return Sharpness()

    def adapt(self, net: nn.Module, support: Examples) -> tuple[list[Drawing], Tensor]:
        return self._drawings(support.x), support.y

    def predict(self, net: nn.Module, state: tuple[list[Drawing], Tensor], x: Tensor) -> Tensor:
        drawings, y = state
        rows = [torch.stack([_distance(query, drawing, x) for drawing in drawings]) for query in self._drawings(x)]
        logits: Tensor = net(class_minima(torch.stack(rows), y))  # [m, ways]
        return logits

    def _drawings(self, x: Tensor) -> list[Drawing]:
        pictures = x[:, None] if x.ndim == 2 else x
        ink = (pictures > self.threshold).reshape(len(x), -1, *pictures.shape[-2:]).any(1)  # [n, H, W]
        return [_drawing(picture) for picture in ink]


def _drawing(ink: Tensor) -> Drawing:
    """The drawing and its tables for the ink ``[H, W]`` of a picture."""
    height, width = ink.shape
    first = torch.zeros_like(ink)
    first[0, 0] = True
    ink = ink | (first & ~ink.any())
    rows, columns = _indices(height, ink)[:, None], _indices(width, ink)
    share = ink / ink.sum().double()
    none = rows.new_full((1, width), torch.inf)
    above = torch.where(ink, rows, -torch.inf).cummax(0).values
    below = torch.where(ink, rows, torch.inf).flip(0).cummin(0).values.flip(0)
    centre = torch.stack([(share * rows).sum(), (share * columns).sum()])
    return Drawing(ink, centre, torch.cat([-none, above]), torch.cat([below, none]))


def _distance(a: Drawing, b: Drawing, like: Tensor) -> Tensor:
    """H(a, b), in the dtype of ``like``."""
    return torch.maximum(_mean_distance(a, b, like), _mean_distance(b, a, like))


def _mean_distance(a: Drawing, b: Drawing, like: Tensor) -> Tensor:
    """h(a, b): mean distance from the ink of a to the nearest ink of b, with both centres at the same place."""
    height, width = a.ink.shape
    shift = b.centre - a.centre
    rows = _indices(height, a.ink) + shift[0]  # rows of a in the coordinates of b
    next_row = (rows.floor() + 1).clamp(0, height).long()[:, None].expand(height, width)  # first row of b below each
    up, down = rows[:, None] - b.above.gather(0, next_row), b.below.gather(0, next_row) - rows[:, None]
    vertical = torch.minimum(up, down).square().to(like)  # [H, W]: to the nearest ink in each column of b
    columns = _indices(width, a.ink)
    horizontal = (columns[:, None] + shift[1] - columns).square().to(like)  # [W of a, W of b]
    nearest = (vertical[:, None] + horizontal).amin(-1).sqrt()  # [H, W]
    return torch.where(a.ink, nearest, 0).sum() / a.ink.sum()


def _indices(n: int, like: Tensor) -> Tensor:
    return torch.arange(n, dtype=torch.float64, device=like.device)
