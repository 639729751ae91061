"""Priors: () → p(z).

A prior is a module whose ``forward`` takes nothing and returns a distribution: event shape (D,).
"""

import torch
from torch import nn
from torch.distributions import Independent, Normal


class StandardNormal(nn.Module):
    """p(z) = N(z; 0, I).

    Args:
        latent_dim: D.
    """

    loc: torch.Tensor
    scale: torch.Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Independent:
        """Return p(z): batch (), event (D,)."""
        return Independent(Normal(self.loc, self.scale, validate_args=False), 1)
