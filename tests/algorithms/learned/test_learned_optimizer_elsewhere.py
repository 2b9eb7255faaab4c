"""A learned optimizer on networks that it was not trained on."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import FitConfig, LearnedOptimizer, Sizes, Task, fit, over_tasks
from tokay.core.inner.coordinatewise import WithOptimizer
from tokay.tasks import Quadratic


def test_an_optimizer_serves_networks_it_was_not_trained_on() -> None:
    """Trained on quadratics with a linear model, it lowers the loss of other widths and depths, and of its own."""
    torch.manual_seed(0)
    method = LearnedOptimizer(start="random", preprocess="log-sign", inner_steps=10, unroll_steps=5, step_scale=0.05)
    source = Quadratic(entries="uniform").tasks("train", Sizes(shots=10))
    hidden = nn.Sequential(nn.Linear(10, 8), nn.Tanh())
    net = method.build(hidden, source.spec)
    config = FitConfig(steps=30, meta_batch=4, lr=0.01, validate_every=0)
    first, *_, end = list(fit(method, net, source, config))
    assert end.metrics["loss"] < 0.5 * first.metrics["loss"]
    unseen = source.sample(20, torch.Generator().manual_seed(9))

    def before_and_after(other: nn.Module) -> tuple[float, float]:
        beside = WithOptimizer(other, net.optimizer)

        def ends(one: Task) -> tuple[Tensor, Tensor]:
            path = list(method.path(beside, one.support))
            return tuple(F.mse_loss(method.predict(beside, s, one.query.x), one.query.y) for s in (path[0], path[-1]))

        with torch.no_grad():
            before, after = over_tasks(ends, unseen)
        return float(before.mean()), float(after.mean())

    wider = nn.Sequential(nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 1))
    deeper = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 1))
    for other in (wider, deeper):
        before, after = before_and_after(other)
        assert after < 0.5 * before
