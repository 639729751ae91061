"""Distributions of latents: event (D,)."""

import math
from typing import cast

import torch
from torch import Tensor
from torch.distributions import Distribution, Transform

LOG_2PI = math.log(2 * math.pi)


class DiagonalGaussian(Distribution):
    """N(mean, diag exp(2 log_scale)): batch (...), event (D,).

    Args:
        mean: (..., D).
        log_scale: logarithm of the standard deviation, (..., D).
    """

    has_rsample = True

    def __init__(self, mean: Tensor, log_scale: Tensor) -> None:
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)
        self._mean = mean
        self.log_scale = log_scale
        self._scale = log_scale.exp()

    @property
    def mean(self) -> Tensor:
        """Mean, (..., D)."""
        return self._mean

    @property
    def stddev(self) -> Tensor:
        """Standard deviation, (..., D)."""
        return self._scale

    @property
    def variance(self) -> Tensor:
        """Variance, (..., D)."""
        return self._scale.square()

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return mean + scale · ε with ε ~ N(0, I), (*sample_shape, ..., D)."""
        return self.rsample_with_noise(tuple(sample_shape))[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at ``value`` (..., D), nats, (...)."""
        return self.log_prob_per_dim(value).sum(-1)

    def log_prob_per_dim(self, value: Tensor) -> Tensor:
        """Return the log density of each coordinate of ``value`` (..., D), nats, (..., D)."""
        standardised = (value - self._mean) / self._scale
        log_densities = torch.addcmul(-self.log_scale, standardised, standardised, value=-0.5)
        return log_densities - 0.5 * LOG_2PI

    def rsample_and_log_prob(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return samples (*sample_shape, ..., D) and their log densities, nats."""
        z, noise = self.rsample_with_noise(sample_shape)
        return z, self.log_prob_of_noise(noise)

    def rsample_with_noise(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return samples mean + scale · ε and ε ~ N(0, I), both (*sample_shape, ..., D)."""
        shape = (*sample_shape, *self._mean.shape)
        noise = torch.randn(shape, dtype=self._mean.dtype, device=self._mean.device)
        return torch.addcmul(self._mean, self._scale, noise), noise

    def log_prob_of_noise(self, noise: Tensor) -> Tensor:
        """Return the log densities, nats, (...), of samples that were made of ε (..., D)."""
        constants = self.log_scale.sum(-1) + 0.5 * LOG_2PI * noise.shape[-1]
        return torch.add(-constants, noise.square().sum(-1), alpha=-0.5)


class StandardGaussian(Distribution):
    """N(0, I): batch (), event (D,).

    Args:
        origin: zeros, (D,), which say on which device and in which precision to sample.
    """

    has_rsample = True

    def __init__(self, origin: Tensor) -> None:
        super().__init__(torch.Size(), origin.shape, validate_args=False)
        self._origin = origin

    @property
    def mean(self) -> Tensor:
        """Zeros, (D,)."""
        return self._origin

    @property
    def stddev(self) -> Tensor:
        """Ones, (D,)."""
        return torch.ones_like(self._origin)

    @property
    def variance(self) -> Tensor:
        """Ones, (D,)."""
        return torch.ones_like(self._origin)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return standard normal noise, (*sample_shape, D)."""
        shape = (*sample_shape, *self._origin.shape)
        return torch.randn(shape, dtype=self._origin.dtype, device=self._origin.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at ``value`` (..., D), nats, (...)."""
        return -0.5 * (value.square().sum(-1) + LOG_2PI * value.shape[-1])


class GaussianMixture(Distribution):
    """Σ_c w_c N(means_c, diag exp(2 log_scales_c)): batch (), event (D,).

    Args:
        means: of the C components, (C, D).
        log_scales: logarithms of their standard deviations, (C, D).
        log_weights: log w, normalised, (C,).
    """

    has_rsample = False

    def __init__(self, means: Tensor, log_scales: Tensor, log_weights: Tensor) -> None:
        super().__init__(torch.Size(), means.shape[-1:], validate_args=False)
        self.means = means
        self.log_scales = log_scales
        self.log_weights = log_weights

    @property
    def mean(self) -> Tensor:
        """Mean, (D,)."""
        return self.log_weights.exp() @ self.means

    @property
    def variance(self) -> Tensor:
        """Variance, (D,)."""
        second_moments = self.means.square() + (2 * self.log_scales).exp()
        return self.log_weights.exp() @ second_moments - self.mean.square()

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pick a component for each sample, then draw from it, (*sample_shape, D)."""
        count = torch.Size(sample_shape).numel()
        with torch.no_grad():
            chosen = torch.multinomial(self.log_weights.exp(), count, replacement=True)
            components = DiagonalGaussian(self.means[chosen], self.log_scales[chosen])
            return components.rsample().reshape(*sample_shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at ``value`` (..., D), nats, (...).

        The squares are multiplied out, so that all C·D of them are one matrix product. Large terms
        cancel there, by the more digits the larger the means are in units of the scales: in float32
        0.12 nats were lost at means of 10 and scales of 0.05. So the product is taken in float64,
        wherever the device has that.
        """
        precise = torch.float32 if value.device.type == "mps" else torch.float64
        means, log_scales, z = (t.to(precise) for t in (self.means, self.log_scales, value))
        precisions = (-2 * log_scales).exp()
        constants = self.log_weights - log_scales.sum(-1)
        constants = constants - 0.5 * (means.square() * precisions).sum(-1)
        constants = constants - 0.5 * LOG_2PI * z.shape[-1]
        features = torch.cat([z.square(), z], dim=-1)
        factors = torch.cat([-0.5 * precisions, means * precisions], dim=-1)
        joint = torch.addmm(constants, features.reshape(-1, features.shape[-1]), factors.mT)
        return torch.logsumexp(joint, dim=-1).reshape(value.shape[:-1]).to(value.dtype)


class TransformedGaussian(Distribution):
    """z = f(z₀), z₀ ~ ``base``: batch (...), event (D,), with log q(z) = log q(z₀) − log |∂f/∂z₀|.

    Args:
        base: of z₀.
        transform: f, z₀ → z, from zuko.
        points: N evenly spread standard normal points, (N, D), over which ``mean`` averages f.
    """

    has_rsample = True

    def __init__(self, base: DiagonalGaussian, transform: Transform, points: Tensor) -> None:
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self._base = base
        self._transform = transform
        self._points = points

    @property
    def mean(self) -> Tensor:
        """Mean over the images of ``points``, (..., D): a quadrature, the same at every call."""
        points = self._points.unflatten(0, (-1, *(1 for _ in self.batch_shape)))
        return cast(Tensor, self._transform(self._base.mean + self._base.stddev * points)).mean(0)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return samples, (*sample_shape, ..., D)."""
        return self.rsample_and_log_prob(tuple(sample_shape))[0]

    def rsample_and_log_prob(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return samples (*sample_shape, ..., D) and their log densities, nats."""
        z0, log_densities = self._base.rsample_and_log_prob(sample_shape)
        z, log_volume = self._transform.call_and_ladj(z0)  # pyright: ignore[reportAttributeAccessIssue]
        return z, log_densities - log_volume

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at ``value`` (..., D), nats, (...), by D passes through f."""
        z0, log_volume = self._transform.inv.call_and_ladj(value)  # pyright: ignore[reportAttributeAccessIssue]
        return self._base.log_prob(z0) + log_volume


class Delta(Distribution):
    """All mass on one point, shape (..., D): a distribution without a density.

    ``log_prob`` is +∞ at that point, so its KL from any density is +∞: a bound that needs a KL
    says so instead of returning a plausible number.

    Args:
        value: the point, (..., D).
    """

    has_rsample = True

    def __init__(self, value: Tensor) -> None:
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)
        self._value = value

    @property
    def mean(self) -> Tensor:
        """The point itself, (..., D)."""
        return self._value

    @property
    def stddev(self) -> Tensor:
        """Zeros, (..., D)."""
        return torch.zeros_like(self._value)

    @property
    def variance(self) -> Tensor:
        """Zeros, (..., D)."""
        return torch.zeros_like(self._value)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return the point, repeated, (*sample_shape, ..., D)."""
        return self._value.expand(*sample_shape, *self._value.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return +∞ where ``value`` is the point and −∞ elsewhere, (...)."""
        is_the_point = (value == self._value).all(-1)
        return torch.where(is_the_point, torch.inf, -torch.inf).to(self._value)
