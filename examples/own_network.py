"""MAML with your own network: any nn.Module that maps [n, ...] to [n, outputs], here one with layer norm."""

import argparse

import torch
from torch import nn

from tokay import MAML, FitConfig, Sizes, evaluate, fit
from tokay.tasks import Sinusoid

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=500)
steps = parser.parse_args().steps

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 40), nn.LayerNorm(40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
method = MAML(inner_lr=0.01, test_steps=5)
train = Sinusoid().tasks("train", Sizes(shots=10, queries=10))
test = Sinusoid().tasks("test", Sizes(shots=10, queries=100))

print("before:", evaluate(method, net, test, tasks=100)["mse"])
for step in fit(method, net, train, FitConfig(steps=steps, meta_batch=25)):
    if step.step % 100 == 0:
        print(f"step {step.step}: mse after one inner step {step.metrics['mse']:.3f}")
evaluation = evaluate(method, net, test, tasks=100)
print("after: ", evaluation["mse"])
for k, scores in evaluation.curve.items():
    print(f"  {k} steps: mse {scores['mse'].mean:.3f} ± {scores['mse'].ci95:.3f}")
