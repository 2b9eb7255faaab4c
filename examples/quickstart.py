"""Meta-train ProtoNet on letters, then learn five letters of an unseen script from one drawing each."""

import argparse

import torch

from tokay import FitConfig, ProtoNet, Sizes, evaluate, train
from tokay.tasks import Glyphs

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=60)
steps = parser.parse_args().steps

# One call trains and shows its progress. out="runs/letters" would save a run for `tokay plot` and `tokay evaluate`.
config = FitConfig(steps=steps, validate_every=0)
learner = train(ProtoNet(), Glyphs(), training=Sizes(ways=20, shots=1, queries=5), config=config)
test = Glyphs().tasks("test", Sizes(ways=5, shots=1, queries=3))
print("unseen scripts:", evaluate(learner.algorithm, learner.net, test, tasks=50)["accuracy"])

# One task without a source: NumPy arrays and any labels work.
task = test.sample(1, torch.Generator().manual_seed(0))
names = ["alpha", "beta", "gamma", "delta", "epsilon"]
labels = [names[i] for i in task.support.y[0].int().argmax(1).tolist()]
learner.fit(task.support.x[0].numpy(), labels)
print("predictions:", learner.predict(task.query.x[0].numpy())[:5].tolist())
print("truth:      ", [names[i] for i in task.query.y[0].int().argmax(1).tolist()][:5])
