"""Parts of neural processes: likelihoods and the bound against torch's distributions and an exact toy model."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from tokay import Examples
from tokay.core.probability.neural_process import (
    Decoder,
    LatentEncoder,
    Normal,
    PairEncoder,
    average,
    elbo,
    log_likelihood,
    mixture,
    mixture_log_likelihood,
    mixture_metrics,
    mlp,
    pair_noise,
)


def double(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def normals(*shape: int) -> Normal:
    return Normal(double(*shape), double(*shape).abs() + 0.2)


def by_hand(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Linear layers with ReLU between them and no ReLU at the end."""
    weights = [layer for layer in layers if isinstance(layer, nn.Linear)]
    for i, layer in enumerate(weights):
        x = layer.weight @ x + layer.bias
        x = x.clamp_min(0) if i < len(weights) - 1 else x
    return x


def test_layers_are_those_of_the_authors() -> None:
    sizes = [tuple(p.shape) for p in mlp(3, 8, 8, 2).parameters()]
    assert sizes == [(8, 3), (8,), (8, 8), (8,), (2, 8), (2,)]
    linear = mlp(100, 200)[0]
    assert not linear.bias.any()
    assert (
        0.9 * math.sqrt(6 / 300) < float(linear.weight.detach().abs().max()) <= math.sqrt(6 / 300)
    )  # Glorot's uniform
    assert [layer.out_features for layer in PairEncoder(1, 2, 8).layers if isinstance(layer, nn.Linear)] == [8] * 4
    assert [layer.out_features for layer in Decoder(1, 2, 16, 8).layers if isinstance(layer, nn.Linear)] == [8, 8, 4]


def test_the_latent_encoder() -> None:
    net = LatentEncoder(2, 1, 4).double()
    x, y = double(5, 2), double(5, 1)
    encoding = sum(by_hand(net.pairs.layers, torch.cat([a, b])) for a, b in zip(x, y, strict=True)) / 5
    activation = by_hand(net.hidden, encoding).clamp_min(0)
    latent = net(x, y)
    torch.testing.assert_close(latent.mean, by_hand(net.mean, activation))
    torch.testing.assert_close(latent.std, 0.1 + 0.9 / (1 + (-by_hand(net.std, activation)).exp()))


def test_the_decoder() -> None:
    net = Decoder(2, 3, 4, 8).double()
    representation, x = double(5, 4), double(5, 2)
    prediction = net(representation, x)
    for i in range(5):
        raw = by_hand(net.layers, torch.cat([representation[i], x[i]]))
        torch.testing.assert_close(prediction.mean[i], raw[:3])
        torch.testing.assert_close(prediction.std[i], 0.1 + 0.9 * (1 + raw[3:].exp()).log())
    torch.testing.assert_close(
        net(representation.expand(6, 5, 4), x).mean[4], prediction.mean
    )  # draws share the inputs


def test_the_average_of_nothing_is_nothing() -> None:
    assert torch.equal(average(torch.zeros(0, 3)), torch.zeros(3))
    assert torch.equal(average(torch.tensor([[1.0], [4.0]])), torch.tensor([2.5]))


def test_noise_belongs_to_the_pairs() -> None:
    x, y = double(4, 2), double(4, 1)

    def noise(x: Tensor, y: Tensor, stream: int = 0) -> Tensor:
        return pair_noise(Examples(x, y), (2, 3), stream=stream, like=x)

    assert noise(x, y).shape == (2, 3)
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(noise(x, y), noise(x[order], y[order]))
    assert not torch.equal(noise(x, y), noise(x, y, stream=1))
    assert not torch.equal(noise(x, y), noise(x, y + 1))
    assert not torch.equal(noise(x, y), noise(x + 1, y))
    nothing = torch.zeros_like(y)  # targets of 0 are not padding
    assert not torch.equal(noise(x, nothing), noise(x + 1, nothing))


def test_log_likelihood() -> None:
    prediction, y = normals(6, 3), double(6, 3)
    expected = [MultivariateNormal(m, torch.diag(s**2)).log_prob(v) for m, s, v in zip(*prediction, y, strict=True)]
    torch.testing.assert_close(log_likelihood(prediction, y), torch.stack(expected))


def test_mixture() -> None:
    """Moments and density of equally likely components, compared with many draws."""
    components, y = normals(3, 5, 2), double(5, 2)
    mean, std = mixture(components)
    part = torch.randint(3, (200_000,))
    draws = components.mean[part] + components.std[part] * double(200_000, 5, 2)
    torch.testing.assert_close(mean, draws.mean(0), rtol=0, atol=0.02)
    torch.testing.assert_close(std, draws.std(0), rtol=0, atol=0.02)
    probability = sum(log_likelihood(Normal(m, s), y).exp() for m, s in zip(*components, strict=True)) / 3
    torch.testing.assert_close(mixture_log_likelihood(components, y), probability.log())
    report = mixture_metrics(components, y)
    torch.testing.assert_close(report["log_likelihood"], probability.log().sum() / 10)  # per point and output
    torch.testing.assert_close(report["mse"], ((mean - y) ** 2).mean())
    assert torch.equal(report["loss"], report["mse"])


def test_the_bound_is_expectation_minus_divergence() -> None:
    predictions, y, posterior, prior = normals(4, 5, 2), double(5, 2), normals(3), normals(3)
    expected = sum(log_likelihood(Normal(m, s), y).sum() for m, s in zip(*predictions, strict=True)) / 4
    q, p = (MultivariateNormal(d.mean, torch.diag(d.std**2)) for d in (posterior, prior))
    torch.testing.assert_close(elbo(predictions, y, posterior, prior), expected - kl_divergence(q, p))


def toy(q: Normal) -> tuple[Tensor, Tensor, Tensor]:
    """y = a z + noise, z ~ N(0, 1): the bound for ``q``, log p(y), and KL(q || the true posterior)."""
    a, y, sigma = torch.tensor([[1.0], [-0.5], [2.0]]).double(), torch.tensor([[0.7], [0.1], [1.9]]).double(), 0.6
    draws = 20_000  # evenly over the quantiles of q: the expectation is nearly exact
    middle = (torch.arange(draws, dtype=torch.float64) + 0.5) / draws
    z = q.mean + q.std * math.sqrt(2) * torch.erfinv(2 * middle - 1)
    means = a * z[:, None, None]  # [draws, 3, 1]
    prior = Normal(torch.zeros(1).double(), torch.ones(1).double())
    bound = elbo(Normal(means, torch.full_like(means, sigma)), y, q, prior)
    exact = MultivariateNormal(torch.zeros(3).double(), a @ a.T + sigma**2 * torch.eye(3)).log_prob(y[:, 0])
    precision = 1 + (a.square().sum() / sigma**2)
    truth = torch.distributions.Normal((a * y).sum() / sigma**2 / precision, precision**-0.5)
    return bound, exact, kl_divergence(torch.distributions.Normal(*q), truth).sum()


def test_the_bound_lies_below_the_evidence_by_the_divergence_from_the_posterior() -> None:
    for mean, std in ((0.0, 1.0), (0.8, 0.3), (0.8, 0.1), (2.0, 0.5)):
        bound, exact, gap = toy(Normal(torch.tensor([mean]).double(), torch.tensor([std]).double()))
        assert float(bound) < float(exact)
        torch.testing.assert_close(exact - bound, gap, rtol=2e-3, atol=1e-3)
    precision = 1 + 5.25 / 0.36
    best = Normal(
        torch.tensor([(0.7 - 0.05 + 3.8) / 0.36 / precision]).double(), torch.tensor([precision**-0.5]).double()
    )
    bound, exact, _ = toy(best)
    torch.testing.assert_close(bound, exact, rtol=0, atol=2e-3)
