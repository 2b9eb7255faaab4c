"""Three training costs on the same sine waves: how small is the error after adaptation, and after how many steps?"""

import argparse

import torch

import tokay
from tokay.evaluation.adaptation_speed import adaptation
from tokay.networks import MLP
from tokay.tasks import Sinusoid

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=2000)
steps = parser.parse_args().steps

METHODS = [  # all adapt by ten plain gradient steps at test time, so only the initial weights differ
    tokay.MAML(test_steps=10),
    tokay.Reptile(inner="sgd", inner_lr=0.01, test_steps=10, test_batch=10),
    tokay.Scratch(inner="sgd", inner_lr=0.01, test_steps=10, test_batch=10),
]
sizes = tokay.Sizes(ways=1, shots=10, queries=10)
for method in METHODS:
    torch.manual_seed(0)
    train = Sinusoid().tasks("train", method.training_sizes(sizes))
    net = method.build(MLP().build(train.spec.x_shape), train.spec)
    for _ in tokay.fit(method, net, train, tokay.FitConfig(steps=steps, validate_every=0)):
        pass
    evaluation = tokay.evaluate(method, net, Sinusoid().tasks("test", sizes), tasks=200)
    speed = adaptation(evaluation, reach=1.0)
    curve = "  ".join(f"{step}: {scores['mse'].mean:.2f}" for step, scores in evaluation.curve.items())
    print(f"{method.name:8} {method.cost.family}: {method.cost.formula}")
    reached = "never below 1" if speed.steps_to_reach is None else f"below 1 after {speed.steps_to_reach}"
    print(f"         error by steps {curve};  mean {speed.area.mean:.2f}, {reached}")
