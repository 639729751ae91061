"""A distribution of latents, moved and stretched."""

import torch
from torch import Tensor
from torch.distributions import Distribution


class Rescaled(Distribution):
    """z = shift + scale · z₀, z₀ ~ ``base``: batch (...), event (D,).

    Args:
        base: of z₀.
        shift: (D,).
        scale: above 0, (D,).
    """

    def __init__(self, base: Distribution, shift: Tensor, scale: Tensor) -> None:
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self.base = base
        self.shift = shift
        self.scale = scale

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return samples, (*sample_shape, ..., D)."""
        return self.shift + self.scale * self.base.sample(torch.Size(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at ``value`` (..., D), nats, (...)."""
        return self.base.log_prob((value - self.shift) / self.scale) - self.scale.log().sum()
