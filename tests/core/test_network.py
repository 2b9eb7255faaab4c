import pytest
import torch
from torch import Tensor, nn

from tokay import NetworkError, TaskSpec
from tokay.core.network import (
    check_outputs,
    check_statistics,
    device_of,
    feature_size,
    map_shape,
    require_network,
    with_head,
)
from tokay.networks import batch_statistics

SPEC = TaskSpec(x_shape=(1, 6, 6), y_dim=3)


class Fails(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("line one\nline two")


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def test_running_statistics_are_refused_by_name() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2)))
    message = r"^here: no layer may update running statistics during training, 1.0 \(BatchNorm2d\) does"
    with pytest.raises(NetworkError, match=message):
        check_statistics(net, where="here")
    with pytest.raises(NetworkError, match=r"the network \(BatchNorm1d\) does"):
        check_statistics(nn.BatchNorm1d(2), where="here")


def test_networks_without_running_statistics_pass() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    check_statistics(net.eval(), where="here")
    check_statistics(batch_statistics(net.train()), where="here")
    check_statistics(nn.Sequential(nn.LayerNorm(2), nn.InstanceNorm2d(2, affine=True), nn.Dropout()), where="here")


def test_feature_size() -> None:
    assert feature_size(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), SPEC) == 32
    assert feature_size(nn.Flatten(), SPEC) == 36
    assert feature_size(nn.Sequential(nn.Flatten(), nn.Linear(36, 7).double()), SPEC) == 7


def test_map_shape() -> None:
    assert map_shape(nn.Conv2d(1, 3, (2, 3)), SPEC) == (3, 5, 4)
    assert map_shape(nn.Flatten(), SPEC) == (36, 1, 1)
    with pytest.raises(NetworkError, match=r"^backbone: .* a \[2, n\] or \[2, C, H, W\] tensor .*, got \(2, 1, 36\)\."):
        map_shape(nn.Flatten(2), SPEC)
    with pytest.raises(NetworkError, match="running statistics"):
        map_shape(nn.BatchNorm2d(1), SPEC)


def test_feature_size_changes_nothing() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(36, 7))
    rng_state = torch.get_rng_state()
    feature_size(net, SPEC)
    assert torch.equal(torch.get_rng_state(), rng_state)
    assert net.training
    assert all(p.grad is None for p in net.parameters())


def test_with_head() -> None:
    torch.manual_seed(3)
    net = with_head(nn.Sequential(nn.Flatten(), nn.Linear(36, 7)), SPEC)
    assert [name for name, _ in net.named_parameters()] == [
        "backbone.1.weight",
        "backbone.1.bias",
        "head.weight",
        "head.bias",
    ]
    assert net(torch.zeros(4, 1, 6, 6)).shape == (4, 3)


def test_a_network_without_embedding_cannot_take_indices() -> None:
    with pytest.raises(
        NetworkError, match=r"int64, but fails on them .*\. They are indices, so it must begin with an nn\.Emb"
    ):
        feature_size(nn.Linear(4, 2), TaskSpec(x_shape=(4,), y_dim=2, x_type="integer"))


@pytest.mark.parametrize("check", [feature_size, with_head])
@pytest.mark.parametrize(
    "backbone, message",
    [
        (nn.Linear(5, 2), r"must take inputs of shape \(2, 1, 6, 6\), but fails on them \(mat1 and mat2"),
        (Fails(), r"but fails on them \(line one\)\. Build it"),
        (
            nn.Conv2d(1, 2, 3),
            r"must return a \[2, n\] tensor for inputs of shape \(2, 1, 6, 6\), got \(2, 2, 4, 4\)\. Flatten",
        ),
        (nn.Flatten(0), r"a \[2, n\] tensor for inputs .*, got \(72,\)"),
        (Pair(), r"a \[2, n\] tensor for inputs .*, got tuple"),
        (nn.BatchNorm2d(1), r"running statistics"),
    ],
)
def test_backbones_that_do_not_fit(backbone: nn.Module, message: str, check: object) -> None:
    with pytest.raises(NetworkError, match="^backbone: .*" + message) as raised:
        check(backbone, SPEC)  # type: ignore[operator]
    assert "\n" not in str(raised.value)


def test_outputs_must_be_the_targets() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))
    with pytest.raises(NetworkError, match=r"^here: .* must have 3 outputs for classification with 3 classes, got 4"):
        check_outputs(net, SPEC, where="here")
    regression = TaskSpec(x_shape=(1, 6, 6), y_dim=2, kind="regression")
    with pytest.raises(NetworkError, match=r"must have 2 outputs for regression with 2 targets, got 4"):
        check_outputs(net, regression, where="here")
    check_outputs(net, TaskSpec(x_shape=(1, 6, 6), y_dim=4), where="here")


def test_device_of() -> None:
    assert device_of(nn.Linear(1, 1)) == torch.device("cpu")
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")
    assert device_of(nn.ReLU()) == torch.device("cpu")


def test_require_network() -> None:
    net = nn.Linear(1, 1)
    assert require_network(nn.Linear, net, "here: needs a linear layer") is net
    with pytest.raises(TypeError, match=r"^here: needs a linear layer, got ReLU\.$"):
        require_network(nn.Linear, nn.ReLU(), "here: needs a linear layer")
