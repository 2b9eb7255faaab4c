"""The networks of LEO and their penalties: a linear head, each row decoded from the short code of a class."""

import math

import torch
from torch import Tensor, nn

from ....core.geometry import class_means, unit


class LatentHead(nn.Module):
    """The backbone, an encoder, a relation network and a decoder, and the learned rates.

    ``backbone`` maps an example to ``features`` numbers. A class has a code of ``latents`` numbers.
    """

    def __init__(self, backbone: nn.Module, features: int, latents: int, *, latent_lr: float, tuning_lr: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder = nn.Linear(features, latents, bias=False)
        pair = 2 * latents
        layers = [nn.Linear(pair, pair, bias=False) for _ in range(3)]
        self.relation = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        self.decoder = nn.Linear(latents, 2 * features, bias=False)
        self.latent_rate = nn.Parameter(torch.full((latents,), latent_lr))
        self.tuning_rate = nn.Parameter(torch.full((features,), tuning_lr))
        self.layers = (self.encoder, *layers, self.decoder)
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)

    def features(self, x: Tensor) -> Tensor:
        """Map inputs ``[n, *x_shape]`` to features of length 1: ``[n, features]``."""
        return unit(self.backbone(x))

    def codes(self, features: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ ``[ways, latents]`` of the code of each class, from ``features`` [n, features] and one-hot ``y``.

        Each example is related to every example, also to itself. Padding is left out on both sides.
        """
        encoded = self.encoder(features)
        n = len(encoded)
        pairs = torch.cat([encoded[:, None].expand(n, n, -1), encoded[None].expand(n, n, -1)], -1)
        real = y.any(-1).to(encoded.dtype)
        relations = torch.einsum("ijk,j->ik", self.relation(pairs), real / real.sum())  # [n, 2 latents]
        mean, log_std = class_means(relations, y).chunk(2, -1)
        return mean, log_std

    def decode(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ ``[ways, features]`` of the row of the head of each class.

        From the decoder's output u, σ is exp(u) if u < 0, else 1 + u, times Glorot's scale. Steps on a code change u, and
        an exponential for u > 0 could diverge.
        """
        mean, u = self.decoder(codes).chunk(2, -1)
        ways, features = mean.shape
        log_std = torch.where(u < 0, u, u.clamp_min(0).log1p())
        return mean, log_std + math.log(2 / (ways + features)) / 2

    def penalty(self) -> Tensor:
        """Half the sum of the squared weights of all layers except the backbone."""
        return torch.stack([layer.weight.square().sum() for layer in self.layers]).sum() / 2


def orthogonality(vectors: Tensor) -> Tensor:
    """Mean over all entries of (C - 1)², with C the cosines between the rows of ``vectors``. 0 if they are orthogonal.

    >>> orthogonality(torch.eye(3)).item()
    0.0
    """
    rows: Tensor = vectors / vectors.norm(dim=1, keepdim=True)
    return (rows @ rows.mT - torch.eye(len(vectors), dtype=vectors.dtype, device=vectors.device)).square().mean()
