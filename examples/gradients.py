"""The meta-gradient of MAML through batch norm: wrong with plain torch.func.vmap, correct with tokay.over_tasks."""

import argparse

import torch
from torch import nn
from torch.func import vmap

from tokay import MAML, Examples, Task, one_hot, over_tasks

argparse.ArgumentParser(description=__doc__).parse_known_args()
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Tanh(), nn.Linear(8, 3))
for p in net.parameters():
    nn.init.normal_(p, std=0.5)
y = one_hot(torch.arange(6) % 3, 3).expand(8, -1, -1)
tasks = Task(Examples(torch.randn(8, 6, 4), y), Examples(torch.randn(8, 6, 4), y))
method = MAML(inner_lr=0.5, inner_steps=2)


def gradient(losses):
    return torch.cat([g.flatten() for g in torch.autograd.grad(losses.mean(), list(net.parameters()))])


def loss(task):
    return method.loss(net, task)[0]


expected = gradient(torch.stack([loss(Task(*(Examples(*(t[i] for t in part)) for part in tasks))) for i in range(8)]))
for name, result in (("torch.func.vmap", vmap(loss)(tasks)), ("tokay.over_tasks", over_tasks(loss, tasks))):
    error = (gradient(result) - expected).norm() / expected.norm()
    print(f"{name}: relative error of the meta-gradient {error:.1e}")
