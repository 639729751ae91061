"""Likelihoods: the decoder's output → p(x|z).

To add one, write a subclass of ``Likelihood``, here or in a file of its own, and
``conf/likelihood/<name>.yaml``::

    # @package model.likelihood
    _target_: vae_lab.model.<file>.<Class>

``likelihood=<name>`` then selects it. A density needs continuous pixels, and asks for them: see
``conf/likelihood/normal.yaml``.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent
from torch.distributions import Normal as NormalDistribution

from vae_lab.checks import Limits, Positive, PositiveShare, Size, checked
from vae_lab.model.distributions import (
    IMAGE_DIMS,
    BernoulliImage,
    ContinuousBernoulliImage,
    DiscretizedLogisticImage,
    FittedNormal,
    LogisticMixtureImage,
)

# Black and white; 256 levels of grey or of each colour; the same made continuous by noise.
Pixels = Literal["binary", "grey", "continuous"]
# Where a density can be as high as one likes, and what to do about it.
BOUNDLESS = {
    "binary": ("binarised pixels", "data.binarization=none"),
    "grey": ("pixels of 256 levels", "data.dequantize=true"),
}
NOT_LEVELS = {
    "binary": ("binarised pixels", "data.binarization=none"),
    "continuous": ("levels with noise between them", "data.dequantize=false"),
}
FIRST_LOG_SCALE = -2.0  # of a component whose feature is 0, in units of [0, 1]
LEAST_VARIANCE = math.exp(-12.0)  # log σ of −6


class Likelihood(nn.Module):
    """What every likelihood offers.

    The distribution that it returns has to have ``log_prob``, summed over pixels (nats per image),
    and ``mean``, the picture to show.

    Attributes:
        pixels: the data under which ``log_prob`` is the logarithm of a probability (density).
        shares_statistics: whether, in training, an image's ``log_prob`` depends on others.
    """

    pixels: Pixels
    shares_statistics = False

    def num_features(self, channels: int) -> int:
        """Return how many features per pixel the decoder delivers for images of C channels."""
        return channels

    def forward(self, features: Tensor) -> Distribution:
        """Map features (..., ``num_features(C)``, H, W) to p(x|z): event (C, H, W)."""
        raise NotImplementedError

    def caveat(self, pixels: Pixels) -> str | None:
        """Say what is wrong with scoring ``pixels``, or None if nothing is.

        Raises:
            ValueError: if they cannot be scored at all.
        """
        if pixels == self.pixels:
            return None
        kind, key = BOUNDLESS[pixels]
        return (
            f"this likelihood is a density, which has no upper limit on {kind}: its elbo says "
            f"little, and no nll is reported; use {key}"
        )

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
        """Return ``_bce`` for grey pixels, whose score is a binary cross-entropy."""
        return "" if pixels == self.pixels else "_bce"


@checked
class Normal(Likelihood):
    """p(x|z) = Π N(x_i; features_i, scale²), one scale for all pixels.

    Args:
        scale: the standard deviation, in units of the pixel range [0, 1].
        learned: whether training adjusts ``scale`` (Rybkin et al. 2021, §3, arXiv:2006.13202).

    Raises:
        ValueError: if ``scale`` is not positive.
    """

    pixels = "continuous"

    def __init__(self, scale: Positive, learned: bool) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=learned)

    def forward(self, features: Tensor) -> Independent:
        """Map means (..., C, H, W) to p(x|z)."""
        scale = self.log_scale.exp()
        return Independent(NormalDistribution(features, scale, validate_args=False), IMAGE_DIMS)


@checked
class OptimalNormal(Likelihood):
    """p(x|z) = Π N(x_i; features_i, σ²) with the σ that fits best.

    In training σ² is the mean squared error of the batch, which maximises the ELBO in closed form;
    it is not what maximises a bound with weights, as of ``objective=iwae``. A running mean of it is
    kept, and is what scores images afterwards: a σ fitted to the image that it scores would make no
    density. Rybkin et al. 2021, §3.2, arXiv:2006.13202. As their code does, log σ is kept from
    falling below −6, here by a limit, there by a soft one.

    Args:
        momentum: weight of the newest batch in the running mean, in (0, 1].

    Raises:
        ValueError: if ``momentum`` is outside its range.
    """

    pixels = "continuous"
    shares_statistics = True
    variance: Tensor
    weight: Tensor  # of all batches so far in the running mean, which without them would be 0

    def __init__(self, momentum: PositiveShare) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, features: Tensor) -> Distribution:
        """Map means (..., C, H, W) to p(x|z)."""
        if self.training:
            return FittedNormal(features, LEAST_VARIANCE, self._remember)
        scale = self.variance.sqrt().expand_as(features)
        return Independent(NormalDistribution(features, scale, validate_args=False), IMAGE_DIMS)

    @torch.no_grad()
    def _remember(self, variance: Tensor) -> None:
        self.weight.lerp_(torch.ones_like(self.weight), self.momentum)
        share = self.momentum / self.weight  # 1 for the first batch, whatever stood there before
        self.variance += share * (variance.to(self.variance.dtype) - self.variance)


class ContinuousBernoulli(Likelihood):
    """p(x|z) = Π CB(x_i; sigmoid(features_i)): the Bernoulli, normalised on [0, 1].

    Loaiza-Ganem & Cunningham 2019, eq. 6, arXiv:1907.06845.
    """

    pixels = "continuous"

    def forward(self, features: Tensor) -> ContinuousBernoulliImage:
        """Map logits (..., C, H, W) to p(x|z)."""
        return ContinuousBernoulliImage(features)


class Discretized(Likelihood):
    """What likelihoods over 256 levels have in common."""

    pixels = "grey"

    def caveat(self, pixels: Pixels) -> str | None:
        """Refuse all that is not of 256 levels.

        Raises:
            ValueError: for binarised or continuous pixels.
        """
        if pixels == self.pixels:
            return None
        kind, key = NOT_LEVELS[pixels]
        raise ValueError(f"this likelihood scores 256 levels, not {kind}; use {key}")


@checked
class DiscretizedLogistic(Discretized):
    """p(x|z) = Π P(x_i) over 256 grey levels, a logistic distribution cut into bins.

    The features are its location and the logarithm of its scale, for each pixel. Kingma et al.
    2016, appendix C, arXiv:1606.04934.

    Args:
        log_scale_range: the least and the greatest logarithm of the scale, in units of [0, 1].
    """

    def __init__(self, log_scale_range: Limits) -> None:
        super().__init__()
        self.log_scale_range = log_scale_range

    def num_features(self, channels: int) -> int:
        """Return 2C: a location and a log scale for each channel."""
        return 2 * channels

    def forward(self, features: Tensor) -> DiscretizedLogisticImage:
        """Map (..., 2C, H, W) to p(x|z): event (C, H, W)."""
        location, log_scale = features.chunk(2, dim=-IMAGE_DIMS)
        return DiscretizedLogisticImage(location, log_scale.clamp(*self.log_scale_range))


@checked
class DiscretizedLogisticMixture(Discretized):
    """p(x|z) = Π P(x_i) over 256³ colours or 256 grey levels: a mixture for each pixel.

    Of each component the features are its weight's logarithm, its locations, the logarithms of its
    scales, and how channels depend on those before them, through tanh. Salimans et al. 2017, §2.1
    and §2.2, arXiv:1701.05517. Different from their code, features of 0 mean components side by
    side from black to white and narrow, which are apart from the start.

    Args:
        components: K.
        log_scale_range: the least and the greatest logarithm of a scale, in units of [0, 1].
    """

    beginnings: Tensor

    def __init__(self, components: Size, log_scale_range: Limits) -> None:
        super().__init__()
        self.components = components
        self.log_scale_range = log_scale_range
        beginnings = (torch.arange(components) + 0.5) / components
        self.register_buffer("beginnings", beginnings[:, None, None, None], persistent=False)

    def num_features(self, channels: int) -> int:
        """Return K (1 + 2C + C(C−1)/2), for grey 3K and for colours 10K."""
        return self.components * (channels + 1) * (channels + 2) // 2

    def forward(self, features: Tensor) -> LogisticMixtureImage:
        """Map (..., ``num_features(C)``, H, W) to p(x|z): event (C, H, W)."""
        parameters = features.unflatten(-IMAGE_DIMS, (self.components, -1))
        count = parameters.shape[-IMAGE_DIMS]
        channels = math.isqrt(2 * count) - 1  # as count = (C + 1)(C + 2) / 2
        sizes = (1, channels, channels, count - 1 - 2 * channels)
        logits, location, log_scale, slopes = parameters.split(sizes, dim=-IMAGE_DIMS)
        return LogisticMixtureImage(
            logits.squeeze(-IMAGE_DIMS),
            location + self.beginnings,
            (log_scale + FIRST_LOG_SCALE).clamp(*self.log_scale_range),
            slopes.tanh(),
        )
