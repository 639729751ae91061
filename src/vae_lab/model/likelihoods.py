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

from vae_lab.model.distributions import (
    IMAGE_DIMS,
    BernoulliImage,
    ContinuousBernoulliImage,
    DiscretizedLogisticImage,
    FittedNormal,
)

Pixels = Literal["binary", "grey"]


class Likelihood(nn.Module):
    """What every likelihood offers.

    Attributes:
        pixels: the data under which ``log_prob`` is the logarithm of a probability (density).
        parameters_per_pixel: how many features the decoder delivers per pixel and channel.
        is_density: whether ``log_prob`` is that of a density, not of a probability.
    """

    pixels: Pixels
    parameters_per_pixel = 1
    is_density = True

    def forward(self, features: Tensor) -> Distribution:
        """Map features (..., C, H, W) to p(x|z): event (C, H, W)."""
        raise NotImplementedError

    def caveat(self, pixels: Pixels) -> str | None:
        """Say what is wrong with scoring ``pixels``, or None if nothing is.

        Raises:
            ValueError: if they cannot be scored at all.
        """
        if pixels == self.pixels:
            return None
        return (
            "this likelihood is a density, which has no upper limit on binarised pixels; use "
            "data.binarization=none"
        )

    def suffix(self, pixels: Pixels) -> str:
        """Return what to append to the names of metrics that contain ``log_prob``."""
        return ""


class Bernoulli(Likelihood):
    """p(x|z) = Π Bernoulli(x_i; sigmoid(features_i)), on logits.

    Kingma & Welling 2014, appendix C.1, arXiv:1312.6114.
    """

    pixels = "binary"
    is_density = False

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
        """Return ``_bce`` for grey pixels, whose score is a binary cross-entropy."""
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
            raise ValueError(f"model.likelihood.scale must be greater than 0, got {scale}")
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=learned)

    def forward(self, features: Tensor) -> Independent:
        """Map means (..., C, H, W) to p(x|z)."""
        scale = self.log_scale.exp()
        return Independent(NormalDistribution(features, scale, validate_args=False), IMAGE_DIMS)


class OptimalNormal(Likelihood):
    """p(x|z) = Π N(x_i; features_i, σ²) with the σ that fits best.

    In training σ² is the mean squared error of the batch, which maximises its likelihood in closed
    form. A running mean of it is kept, and is what scores images afterwards: a σ fitted to the
    image that it scores would make no density. Rybkin et al. 2021, §3.2, arXiv:2006.13202.

    Args:
        momentum: weight of the newest batch in the running mean, in (0, 1].

    Raises:
        ValueError: if ``momentum`` is outside its range.
    """

    pixels = "grey"
    variance: Tensor

    def __init__(self, momentum: float) -> None:
        super().__init__()
        if not 0 < momentum <= 1:
            raise ValueError(f"model.likelihood.momentum must be in (0, 1], got {momentum}")
        self.momentum = momentum
        self.register_buffer("variance", torch.ones(()))

    def forward(self, features: Tensor) -> Distribution:
        """Map means (..., C, H, W) to p(x|z)."""
        if self.training:
            return FittedNormal(features, self._remember)
        scale = self.variance.sqrt().expand_as(features)
        return Independent(NormalDistribution(features, scale, validate_args=False), IMAGE_DIMS)

    @torch.no_grad()
    def _remember(self, variance: Tensor) -> None:
        self.variance.lerp_(variance.to(self.variance.dtype), self.momentum)


class ContinuousBernoulli(Likelihood):
    """p(x|z) = Π CB(x_i; sigmoid(features_i)): the Bernoulli, normalised on [0, 1].

    Loaiza-Ganem & Cunningham 2019, eq. 6, arXiv:1907.06845.
    """

    pixels = "grey"

    def forward(self, features: Tensor) -> ContinuousBernoulliImage:
        """Map logits (..., C, H, W) to p(x|z)."""
        return ContinuousBernoulliImage(features)


class DiscretizedLogistic(Likelihood):
    """p(x|z) = Π P(x_i) over 256 grey levels, a logistic distribution cut into bins.

    The features are its location and the logarithm of its scale, for each pixel. Kingma et al.
    2016, appendix C, arXiv:1606.04934.

    Args:
        log_scale_range: the least and the greatest logarithm of the scale, in units of [0, 1].
    """

    pixels = "grey"
    parameters_per_pixel = 2
    is_density = False

    def __init__(self, log_scale_range: tuple[float, float]) -> None:
        super().__init__()
        self.log_scale_range = log_scale_range

    def forward(self, features: Tensor) -> DiscretizedLogisticImage:
        """Map (..., 2C, H, W) to p(x|z): event (C, H, W)."""
        location, log_scale = features.chunk(2, dim=-IMAGE_DIMS)
        return DiscretizedLogisticImage(location, log_scale.clamp(*self.log_scale_range))

    def caveat(self, pixels: Pixels) -> str | None:
        """Refuse binarised pixels: they have two levels, and this is a distribution over 256.

        Raises:
            ValueError: for binarised pixels.
        """
        if pixels != self.pixels:
            raise ValueError(
                "likelihood=discretized_logistic scores 256 grey levels, not binarised pixels; use "
                "data.binarization=none"
            )
        return None
