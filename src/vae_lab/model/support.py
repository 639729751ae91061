"""Where latents lie, which a posterior and its prior have to agree on."""

from enum import StrEnum

import torch
from torch import Tensor


class Support(StrEnum):
    """The set that latents are drawn from; its value is what a message calls it."""

    SPACE = "all of space"
    SPHERE = "the unit sphere"

    def onto(self, z: Tensor) -> Tensor:
        """Return the points of this set that are nearest to ``z`` (..., D), same shape."""
        return torch.nn.functional.normalize(z, dim=-1) if self is Support.SPHERE else z

    def spread(self, dim: int) -> float:
        """Return the variance of a coordinate under the plainest prior: N(0, I), or uniform."""
        return 1 / dim if self is Support.SPHERE else 1.0


def require_sphere(dim: int) -> None:
    """Refuse unit vectors of one coordinate, which are two points.

    Raises:
        ValueError: if ``dim`` is less than 2.
    """
    if dim < 2:  # noqa: PLR2004
        raise ValueError("a sphere needs latent_dim of at least 2, a circle; 3 is the globe")
