"""Priors: () → p(z).

A prior is a module whose ``forward`` takes nothing and returns a distribution: event shape (D,).
"""

import torch
from torch import Tensor, nn

from vae_lab.distributions import StandardGaussian


class StandardNormal(nn.Module):
    """p(z) = N(z; 0, I).

    Args:
        latent_dim: D.
    """

    origin: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(latent_dim), persistent=False)

    def forward(self) -> StandardGaussian:
        """Return p(z): batch (), event (D,)."""
        return StandardGaussian(self.origin)
