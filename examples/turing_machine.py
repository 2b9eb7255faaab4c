"""A neural Turing machine learns to copy rows of bits. Tests twice the length, and shows where it writes and reads."""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from tokay import NTM, FitConfig, Sizes, evaluate, fit
from tokay.figures.style import write_figure
from tokay.networks import Linear
from tokay.tasks import NTMCopy

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=2500)
parser.add_argument("--out", type=Path, default=Path("runs/turing_machine.png"))
args = parser.parse_args()

torch.manual_seed(0)
source, method = NTMCopy(bits=4), NTM(controller="feedforward", cells=64, slots=32, width=10)
train = source.tasks("train", Sizes(shots=5))
net = method.build(Linear().build(train.spec.x_shape), train.spec)
config = FitConfig(steps=args.steps, optimizer="adam", lr=2e-3, schedule="linear", validate_every=0)
for step in fit(method, net, train, config):
    if step.step % 500 == 0:
        print(f"step {step.step}: {step.metrics['bits']:.2f} bits")
for rows in (5, 10):
    evaluation = evaluate(method, net, source.tasks("test", Sizes(shots=rows)), tasks=100)
    print(f"{rows} rows: {evaluation['bits'].mean:.3f} bits, {evaluation['wrong_bits'].mean:.2f} of {4 * rows} wrong")

# The same computation row by row, to record what the memory does.
task = source.tasks("test", Sizes(shots=10)).sample(1, torch.Generator().manual_seed(1))
rows, writes, reads, outputs = torch.cat([task.support.x[0], task.query.x[0]]), [], [], []
state = net.start(rows)
with torch.no_grad():
    for row in rows:
        output, tape = net.step(row, state)
        state = state._replace(memory=tape)
        writes.append(tape.writing[0])
        reads.append(tape.reading[0])
        outputs.append(output.sigmoid())
figure = Figure(figsize=(8, 8), layout="constrained")
panels = {
    "input": rows,
    "output": torch.stack(outputs),
    "written to": torch.stack(writes),
    "read from": torch.stack(reads),
}
for axis, (name, values) in zip(figure.subplots(4, 1, height_ratios=[5, 4, 12, 12]), panels.items(), strict=True):
    axis.imshow(values.T.numpy(), aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    axis.axvline(10.5, color="white", linestyle=":")  # after the delimiter the machine answers
    axis.set_ylabel(name + (" slot" if len(values.T) > 5 else ""))
axis.set_xlabel("row")
figure.suptitle("A neural Turing machine copies ten rows after training on up to five")
args.out.parent.mkdir(parents=True, exist_ok=True)
write_figure(args.out, figure)
print(f"Drew {args.out}")
