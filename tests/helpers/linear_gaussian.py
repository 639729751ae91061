"""A linear-Gaussian VAE, probabilistic PCA, of which everything is known in closed form.

p(z) = N(0, I) and p(x|z) = N(Wz + b, σ²I) give p(x) = N(b, WWᵀ + σ²I) and
p(z|x) = N(M⁻¹Wᵀ(x − b), σ²M⁻¹) with M = WᵀW + σ²I (Tipping & Bishop 1999, §3.2).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal

from vae_lab.model.likelihoods import Normal
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import DiagonalNormal, Posterior
from vae_lab.model.priors import StandardNormal
from vae_lab.model.vae import VAE

IMAGE_SHAPE = (1, 2, 3)
LATENT_DIM = 2
Covariance = Literal["diagonal", "full"]


class FullNormal(Posterior):
    """q(z|x) = N(z; μ(x), S) with one S for all images, for which no KL per dimension exists."""

    covariance: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.num_parameters = latent_dim
        self.register_buffer("covariance", torch.eye(latent_dim))

    def forward(self, parameters: Tensor) -> MultivariateNormal:
        """Map means (B, D) to q(z|x)."""
        return MultivariateNormal(parameters, self.covariance)


def linear_gaussian(
    covariance: Covariance,
    mean_factor: float = 1.0,
    scale_factor: float = 1.0,
    column_norms: Sequence[float] = (1.5, 0.7),
) -> VAE:
    """Build the model, in float64.

    Args:
        covariance: that of q(z|x). The diagonal one is the truth as the columns of W are
            orthogonal; the full one comes with a W whose columns are not.
        mean_factor: the posterior mean is the true one times this.
        scale_factor: the posterior's standard deviation is the true one times this.
        column_norms: how much each latent moves the image.
    """
    generator = torch.Generator().manual_seed(0)
    linear = partial(MLP, hidden_sizes=(), activation=nn.Identity, normalization=None)
    diagonal = DiagonalNormal(LATENT_DIM, log_scale_range=None)
    posterior = diagonal if covariance == "diagonal" else FullNormal(LATENT_DIM)
    prior, likelihood = StandardNormal(LATENT_DIM), Normal(scale=0.5, learned=True)
    model = VAE(IMAGE_SHAPE, LATENT_DIM, linear, linear, posterior, prior, likelihood).double()

    pixels = math.prod(IMAGE_SHAPE)
    random = torch.randn(pixels, LATENT_DIM + 1, dtype=torch.float64, generator=generator)
    weight, bias = random[:, :LATENT_DIM], random[:, LATENT_DIM]
    if covariance == "diagonal":
        weight = torch.linalg.qr(weight).Q * torch.tensor(column_norms)
    variance = model.likelihood.log_scale.detach().exp() ** 2
    inverse = torch.linalg.inv(weight.T @ weight + variance * torch.eye(LATENT_DIM))
    to_mean = mean_factor * inverse @ weight.T
    spread = scale_factor**2 * variance * inverse
    with torch.no_grad():
        model.decoder[0].weight.copy_(weight)
        model.decoder[0].bias.copy_(bias)
        if covariance == "diagonal":
            log_scale = spread.diagonal().log() / 2
            model.encoder[1].weight.copy_(torch.cat([to_mean, torch.zeros_like(to_mean)]))
            model.encoder[1].bias.copy_(torch.cat([-to_mean @ bias, log_scale]))
        else:
            model.encoder[1].weight.copy_(to_mean)
            model.encoder[1].bias.copy_(-to_mean @ bias)
            model.posterior.covariance.copy_(spread)
    return model


def images_of(model: VAE, count: int) -> Tensor:
    """Draw ``count`` images x ~ p(x), the same ones at every call."""
    generator = torch.Generator().manual_seed(1)
    shape = (count, LATENT_DIM + math.prod(IMAGE_SHAPE))
    noise = torch.randn(shape, dtype=torch.float64, generator=generator)
    z, pixel_noise = noise[:, :LATENT_DIM], noise[:, LATENT_DIM:]
    with torch.no_grad():
        x = model.decoder(z).flatten(1) + model.likelihood.log_scale.exp() * pixel_noise
    return x.reshape(-1, *IMAGE_SHAPE)


def exact_log_px(model: VAE, x: Tensor) -> Tensor:
    """Return log p(x), (B,), differentiable in the parameters of decoder and likelihood."""
    layer, variance = model.decoder[0], (2 * model.likelihood.log_scale).exp()
    noise = variance * torch.eye(len(layer.weight), dtype=x.dtype)
    covariance = layer.weight @ layer.weight.T + noise
    return MultivariateNormal(layer.bias, covariance).log_prob(x.flatten(1))


def _covariance(q: Distribution) -> Tensor:
    full = isinstance(q, MultivariateNormal)
    return q.covariance_matrix if full else torch.diag_embed(q.variance)


def exact_kl(model: VAE, x: Tensor) -> Tensor:
    """Return KL(q(z|x) ‖ N(0, I)) = ½ (tr S + μᵀμ − D − log det S), (B,)."""
    q = model.encode(x)
    spread = _covariance(q)
    trace = spread.diagonal(dim1=-2, dim2=-1).sum(-1)
    return 0.5 * (trace + q.mean.square().sum(-1) - LATENT_DIM - spread.logdet())


def exact_elbo(model: VAE, x: Tensor) -> Tensor:
    """Return E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)), (B,), differentiable in every parameter."""
    q = model.encode(x)
    layer, log_scale = model.decoder[0], model.likelihood.log_scale
    residual = (x.flatten(1) - layer(q.mean)).square().sum(-1)
    blur = (layer.weight.T @ layer.weight @ _covariance(q)).diagonal(dim1=-2, dim2=-1).sum(-1)
    normalizer = len(layer.weight) * (0.5 * math.log(2 * math.pi) + log_scale)
    expected_log_px = -normalizer - 0.5 * (residual + blur) / (2 * log_scale).exp()
    return expected_log_px - exact_kl(model, x)
