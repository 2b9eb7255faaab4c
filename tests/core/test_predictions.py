import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from tokay import (
    CNP,
    MAML,
    ConfigError,
    Examples,
    Finetune,
    NetworkError,
    ProtoNet,
    Task,
    TaskSpec,
    list_algorithms,
    one_hot,
)
from tokay.core.predictions import check_compatible, check_kind, extra_measures, predict_queries


def problem() -> tuple[nn.Module, Examples, torch.Tensor]:
    backbone = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, track_running_stats=False))
    support = Examples(torch.randn(6, 4), one_hot(torch.arange(3).repeat(2), 3))
    return MAML().build(backbone, TaskSpec(x_shape=(4,), y_dim=3)), support, torch.randn(7, 4)


def test_transductive_predictions_are_predict() -> None:
    net, support, x = problem()
    maml = MAML(inner_lr=0.1)
    state = maml.adapt(net, support)
    assert torch.equal(predict_queries(maml, net, state, support.x, x, inductive=False), maml.predict(net, state, x))


def test_inductive_predictions_by_hand() -> None:
    """By hand: run support and one query through the network with fast weights, and take the last row."""
    net, support, x = problem()
    maml = MAML(inner_lr=0.1)
    state = maml.adapt(net, support)
    predictions = predict_queries(maml, net, state, support.x, x, inductive=True)
    assert predictions.shape == (7, 3)
    for query, row in zip(x, predictions, strict=True):
        by_hand = torch.func.functional_call(net, dict(state), (torch.cat([support.x, query[None]]),))[6]
        torch.testing.assert_close(row, by_hand)
    assert not torch.allclose(predictions, maml.predict(net, state, x), atol=1e-2), (
        "batch norm must make a difference here"
    )


@pytest.mark.parametrize("indices", [[2], [6, 0, 3]])
def test_inductive_predictions_do_not_depend_on_other_queries(indices: list[int]) -> None:
    net, support, x = problem()
    state = ProtoNet().adapt(net, support)
    all_predictions = predict_queries(ProtoNet(), net, state, support.x, x, inductive=True)
    torch.testing.assert_close(
        predict_queries(ProtoNet(), net, state, support.x, x[indices], inductive=True), all_predictions[indices]
    )


SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def test_running_statistics_raise_an_error() -> None:
    with pytest.raises(NetworkError, match=r"^here: no layer may update running statistics"):
        check_compatible(ProtoNet(), nn.BatchNorm1d(4), SPEC, where="here")


def test_unsupported_kinds_raise_an_error() -> None:
    regression = TaskSpec(x_shape=(4,), y_dim=3, kind="regression")
    with pytest.raises(ConfigError, match=r"^here: protonet learns classification, got regression tasks"):
        check_compatible(ProtoNet(), nn.Linear(4, 3), regression, where="here")
    check_compatible(MAML(), nn.Linear(4, 3), regression, where="here")


@pytest.mark.parametrize("name", sorted(list_algorithms()))
def test_a_method_takes_indices_or_says_why_not(name: str) -> None:
    method, indices = (
        list_algorithms()[name](),
        replace(SPEC, x_type="integer", kind=list_algorithms()[name]().takes()[0]),
    )
    if not method.refuses_indices:
        check_kind(method, indices, where="here")
        return
    with pytest.raises(
        ConfigError, match=rf"^here: {re.escape(name)} cannot learn from indices, because {method.refuses_indices}\."
    ):
        check_kind(method, indices, where="here")
    check_kind(method, replace(indices, x_type="float"), where="here")


def test_a_head_must_have_an_output_per_class() -> None:
    with pytest.raises(NetworkError, match=r"^here: the network must have 3 outputs .* got 5"):
        check_compatible(MAML(), nn.Linear(4, 5), SPEC, where="here")
    check_compatible(ProtoNet(), nn.Linear(4, 5), SPEC, where="here")  # an embedding may have any number of outputs


def test_a_method_with_new_heads_accepts_any_outputs() -> None:
    check_compatible(Finetune(), nn.Linear(4, 5), SPEC, where="here")


def test_extra_measures() -> None:
    """They are means over the queries. Inductive: each query is measured in one batch with the support set."""
    cnp = CNP(width=8)
    backbone = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, track_running_stats=False))
    net = cnp.build(backbone, TaskSpec(x_shape=(4,), y_dim=2, kind="regression"))
    support, query = Examples(torch.randn(6, 4), torch.randn(6, 2)), Examples(torch.randn(3, 4), torch.randn(3, 2))
    state = cnp.adapt(net, support)
    transductive = extra_measures(cnp, net, state, Task(support, query), inductive=False)
    assert list(transductive) == ["log_likelihood"]
    torch.testing.assert_close(transductive["log_likelihood"], cnp.measures(net, state, query)["log_likelihood"].mean())
    total = 0.0
    for x, y in zip(*query, strict=True):
        mean, std = cnp.distribution(net, state, torch.cat([support.x, x[None]]))
        total = total + torch.distributions.Normal(mean[6], std[6]).log_prob(y).mean() / 3
    inductive = extra_measures(cnp, net, state, Task(support, query), inductive=True)
    torch.testing.assert_close(inductive["log_likelihood"], total)
    assert not torch.allclose(inductive["log_likelihood"], transductive["log_likelihood"]), (
        "batch norm must make a difference"
    )


def test_most_methods_have_no_extra_measures() -> None:
    net, support, x = problem()
    for inductive in (False, True):
        task = Task(support, Examples(x, one_hot(torch.zeros(7, dtype=torch.long), 3)))
        assert extra_measures(ProtoNet(), net, ProtoNet().adapt(net, support), task, inductive=inductive) == {}
    assert ProtoNet().distribution(net, ProtoNet().adapt(net, support), x) is None


def test_extra_measures_ignore_padding() -> None:
    """In classification, an all-false row of targets is padding."""

    class Counting:
        def measures(self, net: object, state: object, query: Examples) -> dict[str, torch.Tensor]:
            return {"number": torch.arange(1.0, 1 + len(query.x))}

    y = one_hot(torch.tensor([0, 1, 0]), 2) & torch.tensor([[True], [True], [False]])
    task = Task(Examples(torch.zeros(2, 1), y[:2]), Examples(torch.zeros(3, 1), y))
    measures = extra_measures(Counting(), nn.Identity(), None, task, inductive=False)  # type: ignore[arg-type]
    assert float(measures["number"]) == 1.5
    regression = Task(*(Examples(part.x, torch.zeros(len(part.x), 1)) for part in task))  # a target of 0 is not padding
    measures = extra_measures(Counting(), nn.Identity(), None, regression, inductive=False)  # type: ignore[arg-type]
    assert float(measures["number"]) == 2
