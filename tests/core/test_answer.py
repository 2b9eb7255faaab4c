import pytest
import torch
from torch import nn

from tokay import MAML, ConfigError, Examples, Finetune, NetworkError, ProtoNet, TaskSpec, one_hot
from tokay.core.answer import answer, check_answers


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
