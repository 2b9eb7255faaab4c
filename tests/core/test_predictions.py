import pytest
import torch
from torch import nn

from tokay import CNP, MAML, ConfigError, Examples, Finetune, NetworkError, ProtoNet, Task, TaskSpec, one_hot
from tokay.core.predictions import answer, check_answers, own_measures


def setting() -> tuple[nn.Module, Examples, torch.Tensor]:
    backbone = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, track_running_stats=False))
    support = Examples(torch.randn(6, 4), one_hot(torch.arange(3).repeat(2), 3))
    return MAML().build(backbone, TaskSpec(x_shape=(4,), y_dim=3)), support, torch.randn(7, 4)


def test_together_is_predict() -> None:
    net, support, x = setting()
    maml = MAML(inner_lr=0.1)
    state = maml.adapt(net, support)
    assert torch.equal(answer(maml, net, state, support.x, x, inductive=False), maml.predict(net, state, x))


def test_alone_is_each_query_behind_the_support() -> None:
    """By hand: fast weights into the network, support and one query through it, the last row."""
    net, support, x = setting()
    maml = MAML(inner_lr=0.1)
    state = maml.adapt(net, support)
    answers = answer(maml, net, state, support.x, x, inductive=True)
    assert answers.shape == (7, 3)
    for query, row in zip(x, answers, strict=True):
        by_hand = torch.func.functional_call(net, dict(state), (torch.cat([support.x, query[None]]),))[6]
        torch.testing.assert_close(row, by_hand)
    assert not torch.allclose(answers, maml.predict(net, state, x), atol=1e-2), "batch norm must make a difference here"


@pytest.mark.parametrize("chosen", [[2], [6, 0, 3]])
def test_alone_does_not_depend_on_what_else_is_asked(chosen: list[int]) -> None:
    net, support, x = setting()
    state = ProtoNet().adapt(net, support)
    all_of_them = answer(ProtoNet(), net, state, support.x, x, inductive=True)
    torch.testing.assert_close(
        answer(ProtoNet(), net, state, support.x, x[chosen], inductive=True), all_of_them[chosen]
    )


SPEC = TaskSpec(x_shape=(4,), y_dim=3)


def test_a_network_must_keep_no_statistics() -> None:
    with pytest.raises(NetworkError, match=r"^here: no layer may keep running statistics"):
        check_answers(ProtoNet(), nn.BatchNorm1d(4), SPEC, where="here")


def test_a_method_must_learn_this_kind() -> None:
    values = TaskSpec(x_shape=(4,), y_dim=3, kind="regression")
    with pytest.raises(ConfigError, match=r"^here: protonet learns classification, got regression tasks"):
        check_answers(ProtoNet(), nn.Linear(4, 3), values, where="here")
    check_answers(MAML(), nn.Linear(4, 3), values, where="here")


def test_a_head_must_have_an_output_per_class() -> None:
    with pytest.raises(NetworkError, match=r"^here: the network must have 3 outputs .* got 5"):
        check_answers(MAML(), nn.Linear(4, 5), SPEC, where="here")
    check_answers(ProtoNet(), nn.Linear(4, 5), SPEC, where="here")  # an embedding may have any


def test_a_new_head_for_each_task_needs_none() -> None:
    check_answers(Finetune(), nn.Linear(4, 5), SPEC, where="here")


def test_measures_of_a_methods_own() -> None:
    """The mean over the queries; alone, each query is measured behind the support set, as it is answered."""
    cnp = CNP(width=8)
    backbone = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, track_running_stats=False))
    net = cnp.build(backbone, TaskSpec(x_shape=(4,), y_dim=2, kind="regression"))
    support, query = Examples(torch.randn(6, 4), torch.randn(6, 2)), Examples(torch.randn(3, 4), torch.randn(3, 2))
    state = cnp.adapt(net, support)
    together = own_measures(cnp, net, state, Task(support, query), inductive=False)
    assert list(together) == ["log_likelihood"]
    torch.testing.assert_close(together["log_likelihood"], cnp.measures(net, state, query)["log_likelihood"].mean())
    total = 0.0
    for x, y in zip(*query, strict=True):
        mean, std = cnp.distribution(net, state, torch.cat([support.x, x[None]]))
        total = total + torch.distributions.Normal(mean[6], std[6]).log_prob(y).mean() / 3
    alone = own_measures(cnp, net, state, Task(support, query), inductive=True)
    torch.testing.assert_close(alone["log_likelihood"], total)
    assert not torch.allclose(alone["log_likelihood"], together["log_likelihood"]), "batch norm must make a difference"


def test_most_methods_measure_nothing_more() -> None:
    net, support, x = setting()
    for inductive in (False, True):
        task = Task(support, Examples(x, one_hot(torch.zeros(7, dtype=torch.long), 3)))
        assert own_measures(ProtoNet(), net, ProtoNet().adapt(net, support), task, inductive=inductive) == {}
    assert ProtoNet().distribution(net, ProtoNet().adapt(net, support), x) is None


def test_measures_leave_padding_out() -> None:
    """Of classes, as all measures do: a row of none is no query."""

    class Counting:
        def measures(self, net: object, state: object, query: Examples) -> dict[str, torch.Tensor]:
            return {"number": torch.arange(1.0, 1 + len(query.x))}

    y = one_hot(torch.tensor([0, 1, 0]), 2) & torch.tensor([[True], [True], [False]])
    task = Task(Examples(torch.zeros(2, 1), y[:2]), Examples(torch.zeros(3, 1), y))
    found = own_measures(Counting(), nn.Identity(), None, task, inductive=False)  # type: ignore[arg-type]
    assert float(found["number"]) == 1.5
    values = Task(*(Examples(part.x, torch.zeros(len(part.x), 1)) for part in task))  # an output of 0 is no padding
    found = own_measures(Counting(), nn.Identity(), None, values, inductive=False)  # type: ignore[arg-type]
    assert float(found["number"]) == 2
