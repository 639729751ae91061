"""Posteriors: the encoder's output → q(z|x).

A posterior is a module whose ``forward`` maps parameters, shape (B, ``num_parameters``), to a
distribution with batch shape (B,) and event shape (D,). The encoder is built to deliver exactly
``num_parameters`` numbers per image.
"""

from torch import Tensor, nn

from vae_lab.distributions import Delta, DiagonalGaussian


class DiagonalNormal(nn.Module):
    """q(z|x) = N(z; μ(x), diag σ²(x)), with parameters (μ, log σ).

    Kingma & Welling 2014, §3, arXiv:1312.6114.

    Args:
        latent_dim: D.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.num_parameters = 2 * latent_dim

    def forward(self, parameters: Tensor) -> DiagonalGaussian:
        """Map parameters (B, 2D) to q(z|x): batch (B,), event (D,)."""
        mean, log_scale = parameters.chunk(2, dim=-1)
        return DiagonalGaussian(mean, log_scale)


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
