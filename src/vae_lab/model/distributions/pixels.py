"""Distributions of images: event (C, H, W), so that ``log_prob`` is in nats per image."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from vae_lab.collectives import mean_over_batch

IMAGE_DIMS = 3
GREY_LEVELS = 256
NEAR_ZERO = 1e-2  # logits below which two terms of a series are exact to seven digits
SMALL = (
    0.25  # logits below which the mean's formula subtracts large numbers, and its series is exact
)
LOG_2PI = math.log(2 * math.pi)


class LogitImage(Distribution):
    """Independent pixels with one logit each: batch (...), event (C, H, W).

    Args:
        logits: (..., C, H, W).
    """

    def __init__(self, logits: Tensor) -> None:
        super().__init__(
            logits.shape[:-IMAGE_DIMS], logits.shape[-IMAGE_DIMS:], validate_args=False
        )
        self.logits = logits

    def _cross_entropy(self, value: Tensor) -> Tensor:
        """Return −x log λ − (1 − x) log(1 − λ), λ = sigmoid(logits), for every pixel."""
        logits, value = torch.broadcast_tensors(self.logits, value)
        return binary_cross_entropy_with_logits(logits, value, reduction="none")


class BernoulliImage(LogitImage):
    """Independent black and white pixels: batch (...), event (C, H, W).

    Args:
        logits: log-odds of white, (..., C, H, W).
    """

    @property
    def mean(self) -> Tensor:
        """Probability of white, (..., C, H, W)."""
        return self.logits.sigmoid()

    @property
    def variance(self) -> Tensor:
        """Variance, (..., C, H, W)."""
        return self.mean * (1 - self.mean)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return images of zeros and ones, (*sample_shape, ..., C, H, W)."""
        with torch.no_grad():
            return torch.bernoulli(self.mean.expand(*sample_shape, *self.logits.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of images (..., C, H, W), nats, (...).

        Grey values in between have none; for them this is minus the binary cross-entropy.
        """
        return -self._cross_entropy(value).sum((-3, -2, -1))


class ContinuousBernoulliImage(LogitImage):
    """Independent grey pixels, p(x) ∝ λ^x (1 − λ)^(1 − x) on [0, 1], λ = sigmoid(logits).

    Batch (...), event (C, H, W). In the logits l the normaliser is l / tanh(l / 2), exact at any l;
    that of ``torch.distributions`` is wrong beyond ±16 in float32, which black margins reach.

    Args:
        logits: (..., C, H, W).
    """

    @property
    def mean(self) -> Tensor:
        """½ + ½ coth(l / 2) − 1 / l, (..., C, H, W)."""
        logits = self._away_from_zero()
        exact = 0.5 + 0.5 / torch.tanh(0.5 * logits) - 1 / logits
        series = 0.5 + self.logits / 12 - self.logits**3 / 720 + self.logits**5 / 30240
        return torch.where(self.logits.abs() < SMALL, series, exact)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at images (..., C, H, W), nats, (...)."""
        return (self._log_normalizer() - self._cross_entropy(value)).sum((-3, -2, -1))

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Invert the distribution function: grey images, (*sample_shape, ..., C, H, W)."""
        with torch.no_grad():
            uniform = torch.rand(*sample_shape, *self.logits.shape).to(self.logits)
            negative = -self._away_from_zero().abs()
            dark = torch.log1p(uniform * torch.expm1(negative)) / negative
            x = torch.where(self.logits > 0, 1 - dark, dark)
            return torch.where(self._is_near_zero(), uniform, x)

    def _log_normalizer(self) -> Tensor:
        logits = self._away_from_zero()
        exact = (logits / torch.tanh(0.5 * logits)).log()
        return torch.where(self._is_near_zero(), math.log(2) + self.logits.square() / 12, exact)

    def _is_near_zero(self) -> Tensor:
        return self.logits.abs() < NEAR_ZERO

    def _away_from_zero(self) -> Tensor:
        """Return the logits, with a stand-in where formulas would divide zero by zero."""
        return torch.where(self._is_near_zero(), torch.ones_like(self.logits), self.logits)


class FittedNormal(Distribution):
    """Independent normal pixels, whose one variance is fitted to the images that are scored.

    Batch (..., B), event (C, H, W). ``log_prob`` is the logarithm of a maximum over variances, not
    of a density. The variance is that of all processes' images. It carries no gradient and needs
    none: at the maximum the derivative with respect to it is zero.

    Args:
        mean: (..., B, C, H, W).
        least_variance: what is fitted where the images are met more exactly than that.
        on_fit: told each fitted variance, a scalar.
    """

    def __init__(
        self, mean: Tensor, least_variance: float, on_fit: Callable[[Tensor], None]
    ) -> None:
        super().__init__(mean.shape[:-IMAGE_DIMS], mean.shape[-IMAGE_DIMS:], validate_args=False)
        self._mean = mean
        self._least_variance = least_variance
        self._on_fit = on_fit

    @property
    def mean(self) -> Tensor:
        """Mean, (..., C, H, W)."""
        return self._mean

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at images (..., C, H, W), at their best variance, nats."""
        squares = (value - self._mean).square()
        per_image = squares.movedim(-IMAGE_DIMS - 1, 0).flatten(1).mean(1)
        variance = mean_over_batch(per_image).clamp_min(self._least_variance)
        self._on_fit(variance)
        log_densities = -0.5 * (squares / variance + variance.log() + LOG_2PI)
        return log_densities.sum((-3, -2, -1))


class DiscretizedLogisticImage(Distribution):
    """Independent pixels of 256 grey levels 0, 1/255, …, 1: batch (...), event (C, H, W).

    P(x) = σ((x + h − μ) / s) − σ((x − h − μ) / s), h = 1/510, and the tails beyond 0 and 1 belong
    to the outermost levels.

    Args:
        location: μ, (..., C, H, W).
        log_scale: log s, (..., C, H, W).
    """

    def __init__(self, location: Tensor, log_scale: Tensor) -> None:
        super().__init__(
            location.shape[:-IMAGE_DIMS], location.shape[-IMAGE_DIMS:], validate_args=False
        )
        self.location = location
        self.log_scale = log_scale

    @property
    def mean(self) -> Tensor:
        """Mean, (..., C, H, W): the sum over levels of the probability to reach each."""
        inverse_scale = (-self.log_scale).exp()
        mean = torch.zeros_like(self.location)
        for level in range(1, GREY_LEVELS):
            edge = (level - 0.5) / (GREY_LEVELS - 1)
            mean += ((self.location - edge) * inverse_scale).sigmoid()
        return mean / (GREY_LEVELS - 1)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return images of grey levels, (*sample_shape, ..., C, H, W)."""
        with torch.no_grad():
            uniform = torch.rand(*sample_shape, *self.location.shape).to(self.location)
            x = torch.addcmul(self.location, self.log_scale.exp(), uniform.logit(eps=1e-6))
            return nearest_level(x)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of images (..., C, H, W), nats, (...)."""
        return level_log_prob(value, self.location, self.log_scale).sum((-3, -2, -1))


def nearest_level(x: Tensor) -> Tensor:
    """Return the grey level 0, 1/255, …, 1 that is nearest to each number, same shape."""
    return (x * (GREY_LEVELS - 1)).round().clamp(0, GREY_LEVELS - 1) / (GREY_LEVELS - 1)


def level_log_prob(value: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log probability of grey levels under logistics cut into bins, nats, same shape.

    log(σ(a) − σ(b)) = log σ(a) + log σ(−b) + log(1 − e^(b − a)) loses no digits.

    Args:
        value: levels 0, 1/255, …, 1.
        location: μ of each.
        log_scale: log s of each.
    """
    inverse_scale = (-log_scale).exp()
    centred = value - location
    half = 0.5 / (GREY_LEVELS - 1)
    upper, lower = (centred + half) * inverse_scale, (centred - half) * inverse_scale
    below, above = logsigmoid(upper), logsigmoid(-lower)
    inside = below + above + torch.log(-torch.expm1(-2 * half * inverse_scale))
    return torch.where(value < half, below, torch.where(value > 1 - half, above, inside))
