"""Meta-train ProtoNet on letters, then learn five letters of an unseen script from one drawing each."""

import argparse

import torch

from tokay import FitConfig, Learner, ProtoNet, Sizes, evaluate, fit
from tokay.networks import Conv4Pool
from tokay.tasks import Glyphs

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=60)
steps = parser.parse_args().steps

torch.manual_seed(0)
method = ProtoNet()
train = Glyphs().tasks("train", Sizes(ways=20, shots=1, queries=5))
test = Glyphs().tasks("test", Sizes(ways=5, shots=1, queries=3))
net = method.build(Conv4Pool().build(train.spec.x_shape), train.spec)
for step in fit(method, net, train, FitConfig(steps=steps)):
    if step.step % 10 == 0:
        print(f"step {step.step}: loss {step.metrics['loss']:.3f}, accuracy {step.metrics['accuracy']:.2f}")
print("unseen scripts:", evaluate(method, net, test, tasks=50)["accuracy"])

# One task without a source: NumPy arrays and any labels work.
task = test.sample(1, torch.Generator().manual_seed(0))
names = ["alpha", "beta", "gamma", "delta", "epsilon"]
labels = [names[i] for i in task.support.y[0].int().argmax(1).tolist()]
learner = Learner(method, net).fit(task.support.x[0].numpy(), labels)
print("predictions:", learner.predict(task.query.x[0].numpy())[:5].tolist())
print("truth:      ", [names[i] for i in task.query.y[0].int().argmax(1).tolist()][:5])
