"""A neural Turing machine learns to copy rows of bits, is asked for twice as many, and shows where it wrote and read."""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from tokay import NTM, FitConfig, Sizes, evaluate, fit
from tokay.figures.training import write_figure
from tokay.networks import Linear
from tokay.tasks import NTMCopy

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=2500)
parser.add_argument("--out", type=Path, default=Path("runs/turing_machine.png"))
asked = parser.parse_args()

torch.manual_seed(0)
source, method = NTMCopy(bits=4), NTM(controller="feedforward", cells=64, slots=32, width=10)
train = source.tasks("train", Sizes(shots=5))
net = method.build(Linear().build(train.spec.x_shape), train.spec)
config = FitConfig(steps=asked.steps, optimizer="adam", lr=2e-3, schedule="linear", validate_every=0)
for step in fit(method, net, train, config):
    if step.step % 500 == 0:
        print(f"step {step.step}: {step.metrics['bits']:.2f} bits")
for rows in (5, 10):
    found = evaluate(method, net, source.tasks("test", Sizes(shots=rows)), tasks=100)
    print(f"{rows} rows: {found['bits'].mean:.3f} bits, {found['wrong_bits'].mean:.2f} of {4 * rows} wrong")

# The same steps once more, one by one, for a look inside.
task = source.tasks("test", Sizes(shots=10)).sample(1, torch.Generator().manual_seed(1))
rows, wrote, read, said = torch.cat([task.support.x[0], task.query.x[0]]), [], [], []
seen = net.start(rows)
with torch.no_grad():
    for row in rows:
        answer, tape = net.step(row, seen)
        seen = seen._replace(memory=tape)
        wrote.append(tape.writing[0])
        read.append(tape.reading[0])
        said.append(answer.sigmoid())
figure = Figure(figsize=(8, 8), layout="constrained")
panels = {
    "read in": rows,
    "put out": torch.stack(said),
    "written to": torch.stack(wrote),
    "read from": torch.stack(read),
}
for axis, (name, values) in zip(figure.subplots(4, 1, height_ratios=[5, 4, 12, 12]), panels.items(), strict=True):
    axis.imshow(values.T.numpy(), aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    axis.axvline(10.5, color="white", linestyle=":")  # behind the delimiter: now it answers
    axis.set_ylabel(name + (" slot" if len(values.T) > 5 else ""))
axis.set_xlabel("row")
figure.suptitle("A neural Turing machine copies ten rows, having learned from up to five")
asked.out.parent.mkdir(parents=True, exist_ok=True)
write_figure(asked.out, figure)
print(f"Drew {asked.out}")
