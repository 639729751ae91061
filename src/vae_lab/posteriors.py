"""Posteriors: the encoder's output → q(z|x).

A posterior is a module whose ``forward`` maps parameters, shape (B, ``num_parameters``), to a
distribution with batch shape (B,) and event shape (D,). The encoder is built to deliver exactly
``num_parameters`` numbers per image.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class DiagonalNormal(nn.Module):
    """q(z|x) = N(z; μ(x), diag σ²(x)), with parameters (μ, log σ).

    Kingma & Welling 2014, §3, arXiv:1312.6114.

    Args:
        latent_dim: D.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.num_parameters = 2 * latent_dim

    def forward(self, parameters: Tensor) -> Independent:
        """Map parameters (B, 2D) to q(z|x): batch (B,), event (D,)."""
        mean, log_scale = parameters.chunk(2, dim=-1)
        return Independent(Normal(mean, log_scale.exp(), validate_args=False), 1)


class Delta(Distribution):
    """All mass on one point, shape (..., D): a distribution without a density.

    ``log_prob`` is +∞ at that point, so its KL from any density is +∞: a bound that needs a KL
    says so instead of returning a plausible number.
    """

    has_rsample = True

    def __init__(self, value: Tensor) -> None:
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)
        self._value = value

    @property
    def mean(self) -> Tensor:
        """The point itself, shape (..., D)."""
        return self._value

    @property
    def stddev(self) -> Tensor:
        """Zero, shape (..., D)."""
        return torch.zeros_like(self._value)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return the point, repeated over ``sample_shape``."""
        return self._value.expand(torch.Size(sample_shape) + self._value.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return +∞ where ``value`` is the point and −∞ elsewhere, shape (...)."""
        hit = (value == self._value).all(-1)
        infinity = self._value.new_tensor(torch.inf)
        return torch.where(hit, infinity, -infinity)


class Deterministic(nn.Module):
    """q(z|x) = δ(z − μ(x)): the code of a plain autoencoder, one number per latent.

    Args:
        latent_dim: D.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.num_parameters = latent_dim

    def forward(self, parameters: Tensor) -> Delta:
        """Map parameters (B, D) to a point mass: batch (B,), event (D,)."""
        return Delta(parameters)
