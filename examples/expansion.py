"""MAML, FOMAML and Reptile have the same two terms, to first order in the inner learning rate alpha.

A is the mean gradient of a mini-batch. B is the gradient of E[g_i . g_j] / 2, the agreement of two mini-batches of a task.
After one inner step on mini-batch i and a gradient on j (Nichol et al. 2018, arXiv:1803.02999), up to alpha squared:

    MAML  A - 2 alpha B,      FOMAML  A - alpha B,      Reptile  2A - alpha B.

So the remainder must shrink fourfold each time alpha halves.
"""

import argparse
from itertools import permutations

import torch
from torch import nn

from tokay import MAML, Examples, Reptile, Sizes, Task, over_tasks
from tokay.core.objectives import mean_squared_error
from tokay.tasks import Sinusoid

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=4, help="number of times to halve the inner learning rate")
halvings = parser.parse_args().steps

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
weights = list(net.parameters())
wave = Sinusoid().tasks("train", Sizes(shots=20)).sample(1, torch.Generator().manual_seed(1)).support
x, y = (values.double().reshape(4, 5, 1) for values in wave)  # four mini-batches of five points
# Every ordered pair of mini-batches is a task: the first is the support set, the second the query set.
i, j = torch.tensor(list(permutations(range(4), 2))).T
pairs = Task(Examples(x[i], y[i]), Examples(x[j], y[j]))


def gradient(value, **options):
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, weights, **options)])


def mean_gradient(method):
    return gradient(over_tasks(lambda task: method.loss(net, task)[0], pairs).mean())


gradients = torch.stack([gradient(mean_squared_error(net(x[k]), y[k]), create_graph=True) for k in range(4)])
a = gradients.mean(0).detach()
b = gradient((gradients[i] * gradients[j]).sum(1).mean() / 2)

print(f"|A| = {a.norm():.3f}, |B| = {b.norm():.3f}; remainder after the two terms, relative to A:")
print("    alpha       MAML     FOMAML    Reptile")
for alpha in (0.04 / 2**k for k in range(halvings + 1)):
    reptile = Reptile(inner="sgd", inner_lr=alpha, inner_steps=2, inner_batch=5, tail="separate")
    remainders = (
        mean_gradient(MAML(inner_lr=alpha)) - (a - 2 * alpha * b),
        mean_gradient(MAML(inner_lr=alpha, order=1)) - (a - alpha * b),
        mean_gradient(reptile) / alpha - (2 * a - alpha * b),
    )
    print(f"{alpha:9.5f}", *(f"{float(rest.norm() / a.norm()):10.2e}" for rest in remainders))
