"""Drawings as strokes: a letter, its traced strokes, and its program warped onto other drawings.

Grey: the drawing to explain. Lines: the program. Number: log P(drawing | program) per point of ink.
``--source omniglot`` uses handwriting instead of printed letters (downloaded if missing).
"""

import argparse
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tokay import Examples, FitConfig, Sizes, Strokes, evaluate, fit
from tokay.algorithms.generative.strokes.programs import Programs
from tokay.figures.style import write_figure
from tokay.tasks import Glyphs, Omniglot

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--source", choices=("glyphs", "omniglot"), default="glyphs")
parser.add_argument("--out", type=Path, default=Path("runs/strokes.png"))
args = parser.parse_args()

torch.manual_seed(0)
method, sizes = Strokes(), Sizes(ways=5, shots=1, queries=1)
handwriting = Omniglot(split="lake", rotations="none", within_alphabet=True, size=105)
source = handwriting if args.source == "omniglot" else Glyphs(size=64)
train, unseen = (source.tasks(split, sizes) for split in ("train", "validation"))
net = method.build(torch.nn.Identity(), train.spec)
for _ in fit(method, net, train, FitConfig(steps=args.steps, validate_every=0)):
    pass
print("5-way 1-shot:", evaluate(method, net, unseen, tasks=args.steps, curve=False)["accuracy"])


def show(axis: Axes, picture: Tensor, program: Programs, beads: Tensor, title: str) -> None:
    axis.imshow(picture[0].numpy(), cmap="gray_r", alpha=0.3, extent=(-0.5, 0.5, 0.5, -0.5))
    for stroke in program.stroke[0].mT[program.stroke[0].any(0)].bool():
        axis.plot(*beads[stroke].T.flip(0).numpy(), ".-", linewidth=2, markersize=4)
    axis.set_title(title, fontsize=10)
    axis.set_axis_off()


task = unseen.sample(1, torch.Generator().manual_seed(3))
support, query = (Examples(x[0], y[0]) for x, y in task)
programs, others = (method.adapt(net, part).programs for part in (support, query))
figure = Figure(figsize=(13, 7), layout="constrained")
for row, axes in enumerate(figure.subplots(3, 6)):
    program = Programs(*(tensor[row : row + 1] for tensor in programs))
    show(axes[0], support.x[row], program, program.beads[0], "traced strokes")
    with torch.no_grad():
        warped, log_p = net.warp(program, others, 20)[0], net.explain(program, others, 20)
    for column, axis in enumerate(axes[1:]):
        positions = warped[column, 0] + others.beads[column].mean(0)
        score = f"{log_p[column, 0]:.2f}{', its class' if support.y[row].equal(query.y[column]) else ''}"
        show(axis, query.x[column], program, positions, score)
args.out.parent.mkdir(parents=True, exist_ok=True)
write_figure(args.out, figure)
print(f"Drew {args.out}")
