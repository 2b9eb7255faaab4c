"""A training that nobody iterates over is impossible to miss."""

import gc
import subprocess
import sys
import warnings

import pytest

import tokay
from tokay import fit

from .small_problem import MAML_HERE, Lines, config, equal, small_net, weights


def test_a_training_without_a_loop_warns_at_the_line_where_it_is_dropped() -> None:
    net = small_net()
    initial = weights(net)
    with pytest.warns(UserWarning, match=r"nothing was trained.*tokay\.train") as records:
        fit(MAML_HERE, net, Lines(), config())
    assert equal(weights(net), initial)
    assert [record.filename for record in records] == [__file__]


def test_a_training_that_is_kept_until_the_end_warns_there() -> None:
    code = (
        "import tokay, torch\n"
        "from tokay.tasks import Sinusoid\n"
        "tasks = Sinusoid().tasks('train', tokay.Sizes(shots=2, queries=2))\n"
        "method = tokay.MAML()\n"
        "steps = tokay.fit(method, method.build(torch.nn.Linear(1, 2), tasks.spec), tasks, tokay.FitConfig(steps=9))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert "nothing was trained" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_notebook_shows_that_nothing_was_trained() -> None:
    steps = fit(MAML_HERE, small_net(), Lines(), config())
    assert "nothing was trained yet" in repr(steps)
    next(steps)
    assert "nothing" not in repr(steps)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_loop_does_not_warn(count: int) -> None:
    """However early it stops, and with no step to train."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps = fit(MAML_HERE, small_net(), Lines(), config(steps=count))
        assert next(steps, None) is not None or count == 0
        del steps
        gc.collect()


def test_it_is_the_same_training() -> None:
    nets = [small_net(), small_net()]
    for net, function in zip(nets, (fit, tokay.training.fit.fit), strict=True):
        assert [step.step for step in function(MAML_HERE, net, Lines(), config())] == [1, 2, 3, 4]
    assert equal(*map(weights, nets))
    assert "Meta-trains ``net``" in (fit.__doc__ or "")
