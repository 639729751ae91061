"""Likelihoods: the decoder's output → p(x|z).

A likelihood is a module whose ``forward`` maps features, shape (..., C, H, W), to a distribution
with event shape (C, H, W), so that ``log_prob`` sums over pixels: nats per image. Its ``mean`` is
the picture to show.

Each declares the ``pixels`` it can score, ``"binary"`` or ``"grey"``.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent
from torch.distributions import Normal as NormalDistribution

from vae_lab.distributions import IMAGE_DIMS, BernoulliImage

Pixels = Literal["binary", "grey"]


class Likelihood(nn.Module):
    """What every likelihood offers.

    Attributes:
        pixels: the data under which ``log_prob`` is the logarithm of a probability (density).
    """

    pixels: Pixels

    def forward(self, features: Tensor) -> Distribution:
        """Map features (..., C, H, W) to p(x|z): event (C, H, W)."""
        raise NotImplementedError

    def caveat(self, pixels: Pixels) -> str | None:
        """Say what is wrong with scoring ``pixels``, or None if nothing is."""
        raise NotImplementedError

    def suffix(self, pixels: Pixels) -> str:
        """Return what to append to the names of metrics that contain ``log_prob``."""
        return ""


class Bernoulli(Likelihood):
    """p(x|z) = Π Bernoulli(x_i; sigmoid(features_i)), on logits.

    Kingma & Welling 2014, appendix C.1, arXiv:1312.6114.
    """

    pixels = "binary"

    def forward(self, features: Tensor) -> BernoulliImage:
        """Map logits (..., C, H, W) to p(x|z)."""
        return BernoulliImage(features)

    def caveat(self, pixels: Pixels) -> str | None:
        """Grey values have a cross-entropy, but no probability under a Bernoulli."""
        if pixels == self.pixels:
            return None
        return (
            "grey pixels under a Bernoulli likelihood have no log-likelihood: the metrics are "
            "named reconstruction_bce and elbo_bce, and no nll is reported. For comparable "
            "numbers use data.binarization=dynamic"
        )

    def suffix(self, pixels: Pixels) -> str:
        """Name the score of grey pixels what it is, a binary cross-entropy."""
        return "" if pixels == self.pixels else "_bce"


class Normal(Likelihood):
    """p(x|z) = Π N(x_i; features_i, scale²), one scale for all pixels.

    Args:
        scale: the standard deviation, in units of the pixel range [0, 1].
        learned: whether training adjusts ``scale`` (Rybkin et al. 2021, §3, arXiv:2006.13202).

    Raises:
        ValueError: if ``scale`` is not positive.
    """

    pixels = "grey"

    def __init__(self, scale: float, learned: bool) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"likelihood.scale must be greater than 0, got {scale}")
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=learned)

    def forward(self, features: Tensor) -> Independent:
        """Map means (..., C, H, W) to p(x|z)."""
        scale = self.log_scale.exp()
        return Independent(NormalDistribution(features, scale, validate_args=False), IMAGE_DIMS)

    def caveat(self, pixels: Pixels) -> str | None:
        """A density on two values can be made as large as one likes."""
        if pixels == self.pixels:
            return None
        return (
            "a normal likelihood on binarised pixels is a density without an upper limit; "
            "use data.binarization=none"
        )
