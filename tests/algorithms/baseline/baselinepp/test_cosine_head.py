"""The cosine classifier against NumPy and against torch's own weight norm."""

import numpy as np
import torch
from torch import nn

from tokay.algorithms.baseline.baselinepp.cosine_head import CosineHead, cosine_logits


def test_logits_by_hand() -> None:
    z, v, g = torch.randn(5, 3).double(), torch.randn(4, 3).double(), torch.rand(4).double()
    cosines = np.array([[a @ b / np.sqrt((a @ a) * (b @ b)) for b in v.numpy()] for a in z.numpy()])
    logits = cosine_logits(z, {"direction": v, "length": g}, 7.0)
    np.testing.assert_allclose(logits.numpy(), 7 * g.numpy() * cosines, rtol=1e-12)


def test_only_the_angle_counts() -> None:
    z, head = torch.randn(2, 3).double(), {"direction": torch.randn(4, 3).double(), "length": torch.ones(4).double()}
    longer = {**head, "direction": 9 * head["direction"]}
    torch.testing.assert_close(cosine_logits(5 * z, longer, 2), cosine_logits(z, head, 2), rtol=1e-12, atol=1e-12)


def test_features_of_zeros_give_finite_gradients() -> None:
    """A ReLU network may return only zeros."""
    z = torch.zeros(1, 3, requires_grad=True)
    logits = cosine_logits(z, {"direction": torch.randn(2, 3), "length": torch.ones(2)}, 2)
    logits.sum().backward()
    assert not logits.any()
    assert torch.isfinite(z.grad).all()


def test_the_head_is_a_linear_layer_under_weight_norm() -> None:
    torch.manual_seed(3)
    head = CosineHead(6, 4, scale=2.0)
    torch.manual_seed(3)
    linear = nn.utils.parametrizations.weight_norm(nn.Linear(6, 4, bias=False))
    z = torch.randn(5, 6)
    torch.testing.assert_close(head(z), 2 * linear(nn.functional.normalize(z)))
    assert {name: tuple(p.shape) for name, p in head.named_parameters()} == {"direction": (4, 6), "length": (4,)}
