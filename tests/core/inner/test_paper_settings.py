"""The defaults of the MAML family follow the task; what the user gives stays."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tokay
from tokay import ANIL, MAML, Algorithm, Examples, MAMLPlusPlus, MetaSGD, Sizes, TaskSpec, one_hot
from tokay.core.inner.paper_settings import PAPER_SETTINGS, PaperDefaults, setting_of, settings_for

OMNIGLOT_5 = TaskSpec(x_shape=(1, 28, 28), y_dim=5)
OMNIGLOT_20 = TaskSpec(x_shape=(1, 28, 28), y_dim=20)
PHOTOGRAPHS = TaskSpec(x_shape=(3, 84, 84), y_dim=5)
CURVES = TaskSpec(x_shape=(1,), y_dim=1, kind="regression")
FAMILY = sorted(name for name, kind in tokay.list_algorithms().items() if issubclass(kind, PaperDefaults))


Row = tuple[float, int, int]  # rate, steps in training, steps on a new task


def inner(method: Algorithm[Any]) -> Row:
    return method.inner_lr, method.inner_steps, method.test_steps  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name, omniglot_5, omniglot_20, photographs, curves",
    [
        # the rates of the code of MAML are for a sum over the classes: 0.4 x 5, 0.1 x 20, 0.01 x 5
        ("maml", (2.0, 1, 3), (2.0, 5, 5), (0.05, 5, 10), (0.01, 1, 3)),
        ("taml", (2.0, 1, 3), (2.0, 5, 5), (0.05, 5, 10), (0.01, 1, 3)),
        ("anil", (2.0, 1, 3), (2.0, 5, 5), (0.05, 5, 10), (0.1, 1, 3)),
        ("maml++", (0.1, 5, 5), (0.1, 5, 5), (0.01, 5, 5), (0.01, 5, 5)),
        ("meta-sgd", (0.5, 1, 1), (0.5, 1, 1), (0.05, 1, 1), (0.01, 1, 1)),
        ("imaml", (0.1, 16, 16), (0.1, 25, 25), (0.1, 16, 16), (0.01, 16, 16)),
    ],
)
def test_the_tables_of_the_papers(name: str, omniglot_5: Row, omniglot_20: Row, photographs: Row, curves: Row) -> None:
    method, specs = tokay.list_algorithms()[name](), (OMNIGLOT_5, OMNIGLOT_20, PHOTOGRAPHS, CURVES)
    for spec, row in zip(specs, (omniglot_5, omniglot_20, photographs, curves), strict=True):
        assert inner(method.for_task(spec)) == pytest.approx(row)


def test_the_whole_family_is_in_the_table() -> None:
    assert sorted(PAPER_SETTINGS) == FAMILY == ["anil", "imaml", "maml", "maml++", "meta-sgd", "taml"]


@pytest.mark.parametrize(
    "spec, setting",
    [
        (OMNIGLOT_5, "few ways"),
        (replace(OMNIGLOT_5, y_dim=10), "few ways"),
        (replace(OMNIGLOT_5, y_dim=11), "many ways"),
        (replace(PHOTOGRAPHS, y_dim=20), "photographs"),
        (replace(PHOTOGRAPHS, x_shape=(3, 32, 32)), "photographs"),
        (replace(PHOTOGRAPHS, x_shape=(1, 84, 84)), "photographs"),
        (replace(PHOTOGRAPHS, x_shape=(1, 63, 84)), "few ways"),
        (TaskSpec(x_shape=(100,), y_dim=3), "few ways"),
        (TaskSpec(x_shape=(3,), y_dim=3, kind="regression"), "real targets"),
        (replace(PHOTOGRAPHS, kind="regression"), "real targets"),
    ],
)
def test_the_nearest_experiment(spec: TaskSpec, setting: str) -> None:
    assert setting_of(spec) == setting


def test_the_rate_for_photographs_grows_with_the_ways() -> None:
    assert settings_for("maml", replace(PHOTOGRAPHS, y_dim=20)).inner_lr == pytest.approx(0.2)
    assert settings_for("maml++", replace(PHOTOGRAPHS, y_dim=20)).inner_lr == 0.01  # that code averages the loss


def test_explicit_settings_stay() -> None:
    explicit = MAML(inner_lr=0.3, inner_steps=1, test_steps=3, order=1)
    assert explicit.for_task(PHOTOGRAPHS) == explicit
    assert MAML(inner_steps=2).for_task(PHOTOGRAPHS) == MAML(inner_lr=0.05, inner_steps=2, test_steps=10)
    assert ANIL().for_task(OMNIGLOT_20).for_task(PHOTOGRAPHS) == ANIL().for_task(OMNIGLOT_20)
    assert MAMLPlusPlus(inner_steps=2).for_task(PHOTOGRAPHS).inner_steps == 2
    assert tokay.ProtoNet().for_task(PHOTOGRAPHS) == tokay.ProtoNet()


def test_queries_of_training_episodes() -> None:
    test = Sizes(ways=5, shots=2, queries=9)
    for method in (MAML(), ANIL(), MetaSGD(), MAMLPlusPlus()):
        assert method.training_sizes(test).queries == 2
        assert method.training_sizes_for(test, OMNIGLOT_5).queries == 2
        assert method.training_sizes_for(test, PHOTOGRAPHS) == Sizes(ways=5, shots=2, queries=15)
    assert tokay.Reptile().training_sizes_for(test, PHOTOGRAPHS) == tokay.Reptile().training_sizes(test)


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_without_a_task_the_settings_are_those_of_earlier_versions(name: str, kind: Any) -> None:
    """A run of an earlier version has no rate (None). It keeps the rate of Omniglot with 5 ways, whatever its pictures."""
    if kind not in tokay.list_algorithms()[name]().takes():
        pytest.skip("takes classes alone")
    spec = TaskSpec(x_shape=(4,), y_dim=3, kind=kind)
    method = tokay.list_algorithms()[name]()
    usual = method.for_task(spec)
    assert inner(usual) == inner(method.for_task(OMNIGLOT_5 if kind == "classification" else CURVES))
    torch.manual_seed(0)
    x, labels = torch.randn(6, 4), torch.arange(6) % 3
    support = Examples(x, one_hot(labels, 3) if kind == "classification" else torch.randn(6, 3))
    nets = []
    for either in (method, usual):
        torch.manual_seed(1)
        nets.append(either.build(nn.Linear(4, 5), spec))
    for a, b in ((method, usual), (method.at_test(), usual.at_test())):
        paths = [list(either.path(net, support)) for either, net in zip((a, b), nets, strict=True)]
        assert len(paths[0]) == len(paths[1])
        assert all(torch.equal(paths[0][-1][key], paths[1][-1][key]) for key in paths[0][-1])


def test_an_old_run_on_photographs_keeps_its_rate() -> None:
    """Settings as version 0.1.0 stored them: the steps as numbers, the rate as None."""
    old = MAML(inner_lr=None, inner_steps=1, test_steps=3)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 84 * 84, 2, bias=False))
    support = Examples(torch.randn(2, 3, 84, 84) / 100, one_hot(torch.arange(2), 2))
    expected = MAML(inner_lr=2.0, inner_steps=1, test_steps=3).adapt(net, support)
    assert torch.equal(old.adapt(net, support)["1.weight"], expected["1.weight"])
    assert old.at_test() == replace(old, inner_steps=3)


def test_the_documentation_shows_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "choosing-an-algorithm.md").read_text(encoding="utf-8")
    own_rows = ("anil", "maml++", "meta-sgd", "imaml")
    for methods, name in (("`maml`, `taml`", "maml"), *((f"`{name}`", name) for name in own_rows)):
        cells = [
            f"{row.inner_lr}{' x ways' if row.rate_per_class else ''} / {row.inner_steps} / {row.test_steps}"
            for row in PAPER_SETTINGS[name].values()
        ]
        assert f"| {methods} | {' | '.join(cells)} |" in page
    assert PAPER_SETTINGS["taml"] == PAPER_SETTINGS["maml"]
    with_15 = {name for name in FAMILY if PAPER_SETTINGS[name]["photographs"].queries == 15}
    assert with_15 == {"maml", "taml", "anil", "maml++", "meta-sgd"}
