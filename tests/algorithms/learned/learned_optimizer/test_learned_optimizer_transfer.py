"""A learned optimizer on networks that it was not trained on."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokay import FitConfig, LearnedOptimizer, Sizes, Task, fit, over_tasks
from tokay.core.inner.coordinatewise import WithOptimizer
from tokay.tasks import Quadratic


def test_a_trained_optimizer_works_on_other_networks() -> None:
    """An optimizer trained with one network also lowers the loss of a wider and a deeper one."""
    torch.manual_seed(0)
    method = LearnedOptimizer(start="random", preprocess="log-sign", inner_steps=10, unroll_steps=5, step_scale=0.05)
    source = Quadratic(entries="uniform").tasks("train", Sizes(shots=10))
    backbone = nn.Sequential(nn.Linear(10, 8), nn.Tanh())
    net = method.build(backbone, source.spec)
    config = FitConfig(steps=30, meta_batch=4, lr=0.01, validate_every=0)
    first, *_, end = list(fit(method, net, source, config))
    assert end.metrics["loss"] < 0.5 * first.metrics["loss"]
    test_tasks = source.sample(20, torch.Generator().manual_seed(9))

    def initial_and_final_loss(other: nn.Module) -> tuple[float, float]:
        combined = WithOptimizer(other, net.optimizer)

        def losses(one: Task) -> tuple[Tensor, Tensor]:
            path = list(method.path(combined, one.support))
            return tuple(F.mse_loss(method.predict(combined, s, one.query.x), one.query.y) for s in (path[0], path[-1]))

        with torch.no_grad():
            initial, final = over_tasks(losses, test_tasks)
        return float(initial.mean()), float(final.mean())

    wider = nn.Sequential(nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 1))
    deeper = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 1))
    for other in (wider, deeper):
        initial, final = initial_and_final_loss(other)
        assert final < 0.5 * initial
