"""Likelihoods: the decoder's output → p(x|z).

To add one, write a subclass of ``Likelihood``, here or in a file of its own, and
``conf/likelihood/<name>.yaml``::

    # @package model.likelihood
    _target_: vae_lab.model.<file>.<Class>

``likelihood=<name>`` then selects it.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent
from torch.distributions import Normal as NormalDistribution

from vae_lab.checks import Limits, Positive, PositiveShare, checked
from vae_lab.model.distributions import (
    IMAGE_DIMS,
    BernoulliImage,
    ContinuousBernoulliImage,
    DiscretizedLogisticImage,
    FittedNormal,
)

Pixels = Literal["binary", "grey"]
LEAST_VARIANCE = math.exp(-12.0)  # log σ of −6


class Likelihood(nn.Module):
    """What every likelihood offers.

    The distribution that it returns has to have ``log_prob``, summed over pixels (nats per image),
    and ``mean``, the picture to show.

    Attributes:
        pixels: the data under which ``log_prob`` is the logarithm of a probability (density).
        parameters_per_pixel: how many features the decoder delivers per pixel and channel.
        is_density: whether ``log_prob`` is that of a density, not of a probability.
        shares_statistics: whether, in training, an image's ``log_prob`` depends on others.
    """

    pixels: Pixels
    parameters_per_pixel = 1
    is_density = True
    shares_statistics = False

    def forward(self, features: Tensor) -> Distribution:
        """Map features (..., C · parameters_per_pixel, H, W) to p(x|z): event (C, H, W)."""
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


@checked
class Normal(Likelihood):
    """p(x|z) = Π N(x_i; features_i, scale²), one scale for all pixels.

    Args:
        scale: the standard deviation, in units of the pixel range [0, 1].
        learned: whether training adjusts ``scale`` (Rybkin et al. 2021, §3, arXiv:2006.13202).

    Raises:
        ValueError: if ``scale`` is not positive.
    """

    pixels = "grey"

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

    pixels = "grey"
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

    pixels = "grey"

    def forward(self, features: Tensor) -> ContinuousBernoulliImage:
        """Map logits (..., C, H, W) to p(x|z)."""
        return ContinuousBernoulliImage(features)


@checked
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

    def __init__(self, log_scale_range: Limits) -> None:
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
