"""A conditional neural process and the exact Gaussian process that generates its curves: a picture of means and bands.

On average over tasks, no learner has a higher log-likelihood than the exact posterior. How far below is it?
"""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from tokay import CNP, FitConfig, Sizes, evaluate, fit, over_tasks
from tokay.figures.style import write_figure
from tokay.networks import Linear
from tokay.tasks import GaussianProcess

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=3000)
parser.add_argument("--out", type=Path, default=Path("runs/neural_process.png"))
args = parser.parse_args()

torch.manual_seed(0)
method, source = CNP(), GaussianProcess(fewest_shots=3)
train = source.tasks("train", Sizes(shots=10, queries=10))
test = source.tasks("test", Sizes(shots=10, queries=200))
net = method.build(Linear().build(train.spec.x_shape), train.spec)
for step in fit(method, net, train, FitConfig(steps=args.steps, meta_batch=32, lr=1e-3, validate_every=0)):
    if step.step % 500 == 0:
        print(f"step {step.step}: log-likelihood {step.metrics['log_likelihood']:.3f}")
print("learned:", evaluate(method, net, test, tasks=100, curve=False)["log_likelihood"])
print(f"exact:   {test.exact_log_likelihood(tasks=100).mean():.3f} on the same tasks")

figure = Figure(figsize=(12, 3.6), layout="constrained")
for axis, shots in zip(figure.subplots(1, 3, sharey=True), (3, 6, 10), strict=True):
    tasks = GaussianProcess().tasks("test", Sizes(shots=shots, queries=200))
    task, *exact = tasks.exact(1, torch.Generator().manual_seed(20 + shots))
    with torch.no_grad():
        prediction = over_tasks(
            lambda task: method.distribution(net, method.adapt(net, task.support), task.query.x), task
        )
    x, order = task.query.x[0, :, 0], task.query.x[0, :, 0].argsort()
    axis.plot(x[order], task.query.y[0, order, 0], "k:", linewidth=1, label="curve")
    for name, colour, (mean, std) in (("CNP", "#0072B2", prediction), ("exact GP", "#E69F00", exact)):
        centre, half_width = mean[0, order, 0], 2 * std[0, order, 0]
        axis.plot(x[order], centre, color=colour, label=name)
        axis.fill_between(x[order], centre - half_width, centre + half_width, color=colour, alpha=0.2, linewidth=0)
    axis.plot(*(part[0, :, 0] for part in task.support), "k^", label="context")
    axis.set_title(f"{shots} points, ± 2 standard deviations", fontsize=10)
axis.legend(fontsize=8)
args.out.parent.mkdir(parents=True, exist_ok=True)
write_figure(args.out, figure)
print(f"Drew {args.out}")
