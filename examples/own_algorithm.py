"""Your own method in a dozen lines: nearest class mean by cosine, with a learned embedding."""

import argparse
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tokay import Algorithm, FitConfig, Sizes, evaluate, fit
from tokay.core.cost import Cost
from tokay.core.geometry import class_means
from tokay.networks import Conv4
from tokay.tasks import Glyphs

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=60)
steps = parser.parse_args().steps


@dataclass(frozen=True, kw_only=True)
class CosineNet(Algorithm[Tensor], name="cosine"):
    """The class with the largest cosine wins. State: class means as unit vectors [ways, features]."""

    reference = "an example"
    summary = "nearest class mean by cosine"
    cost = Cost("feed-forward", "E_T L_Q(softmax(10 cos(f(x), c_k)))")
    any_ways = True
    kinds = ("classification",)

    sharpness: float = 10.0
    """factor from cosines to logits"""

    def build(self, backbone, spec):
        return backbone

    def adapt(self, net, support):
        return F.normalize(class_means(F.normalize(net(support.x), dim=-1), support.y), dim=-1)

    def predict(self, net, state, x):
        return self.sharpness * F.normalize(net(x), dim=-1) @ state.mT  # [m, ways]


torch.manual_seed(0)
method = CosineNet()
train = Glyphs().tasks("train", Sizes(ways=20, shots=1, queries=5))
net = method.build(Conv4().build(train.spec.x_shape), train.spec)
for step in fit(method, net, train, FitConfig(steps=steps, meta_batch=2)):
    if step.step % 10 == 0:
        print(f"step {step.step}: accuracy {step.metrics['accuracy']:.2f}")
print(evaluate(method, net, Glyphs().tasks("test", Sizes()), tasks=50)["accuracy"])
