"""Distributions of unit vectors in R^D: densities with respect to the area of the sphere."""

import math

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution

LOG_2, LOG_PI = math.log(2), math.log(math.pi)
NEAREST_ONE = 1 - 1e-7  # the largest share below 1 that float32 can tell from it


def log_area(dim: int) -> float:
    """Return the logarithm of the area of the unit sphere in R^``dim``: 2 π^(D/2) / Γ(D/2)."""
    return LOG_2 + 0.5 * dim * LOG_PI - math.lgamma(0.5 * dim)


class UniformSphere(Distribution):
    """The uniform distribution on the unit sphere: batch (), event (D,).

    Args:
        origin: zeros, (D,), which say on which device and in which precision to sample.
    """

    has_rsample = True

    def __init__(self, origin: Tensor) -> None:
        super().__init__(torch.Size(), origin.shape, validate_args=False)
        self._origin = origin

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return directions of standard normal noise, (*sample_shape, D)."""
        noise = torch.randn(
            (*sample_shape, *self._origin.shape),
            dtype=self._origin.dtype,
            device=self._origin.device,
        )
        return torch.nn.functional.normalize(noise, dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −log of the sphere's area at unit vectors ``value`` (..., D), nats, (...)."""
        return torch.zeros_like(value[..., 0]) - log_area(value.shape[-1])


class PowerSpherical(Distribution):
    """p(z) ∝ (1 + μᵀz)^κ on the unit sphere: batch (...), event (D,).

    De Cao & Aziz 2020, arXiv:2006.04437. A sample is s = (1 − μᵀz)/2 ~ Beta(β, α), α = β + κ and
    β = (D − 1)/2, and a direction across μ, which a reflection brings from the first axis to μ.

    Their code computes log(1 + μᵀz) and clamps 1 − (μᵀz)², and its reflection divides by
    |e₁ − μ| + 10⁻⁷. Here all of it is computed from s, which keeps its digits where z is close to
    μ, the reflection goes to μ or to −μ, whichever is farther away, and the constants, in which
    numbers as large as κ log κ cancel, are of double precision where the device has that.

    Args:
        direction: μ, unit vectors, (..., D).
        concentration: κ ≥ 0, (...); 0 is the uniform distribution.
    """

    has_rsample = True

    def __init__(self, direction: Tensor, concentration: Tensor) -> None:
        super().__init__(direction.shape[:-1], direction.shape[-1:], validate_args=False)
        self._direction = direction
        self.concentration = concentration
        self._beta = 0.5 * (direction.shape[-1] - 1)

    @property
    def mean(self) -> Tensor:
        """The mean direction μ, which is the mode, (..., D).

        E[z] is a point within the sphere, κ / (D − 1 + κ) times this.
        """
        return self._direction

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return samples, (*sample_shape, ..., D)."""
        return self.rsample_and_log_prob(tuple(sample_shape))[0]

    def rsample_and_log_prob(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return samples (*sample_shape, ..., D) and their log densities, nats."""
        mu, kappa = self._direction, self.concentration
        beta = torch.full_like(kappa, self._beta)
        share = Beta(beta, kappa + beta, validate_args=False).rsample(sample_shape)
        share = share.clamp_max(NEAREST_ONE)[..., None]
        across = torch.randn(
            (*sample_shape, *mu.shape[:-1], mu.shape[-1] - 1), dtype=mu.dtype, device=mu.device
        )
        across = torch.nn.functional.normalize(across, dim=-1)
        around_axis = torch.cat([1 - 2 * share, 2 * (share * (1 - share)).sqrt() * across], dim=-1)
        return self._turned(around_axis), self.log_density(share[..., 0])

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at unit vectors ``value`` (..., D), nats, (...)."""
        share = 0.25 * (value - self._direction).square().sum(-1)
        return self.log_density(share.clamp_max(NEAREST_ONE))

    def entropy(self) -> Tensor:
        """Return −E[log p(z)], nats, (...)."""
        return log_area(self.event_shape[0]) - self.kl_from_uniform()

    def kl_from_uniform(self) -> Tensor:
        """Return KL(p ‖ uniform on the sphere), nats, (...)."""
        kappa = self._precise(self.concentration)
        digammas = torch.digamma(kappa + self._beta) - torch.digamma(kappa + 2 * self._beta)
        kl = self._log_constant() + kappa * (LOG_2 + digammas) + log_area(self.event_shape[0])
        return kl.to(self.concentration.dtype)

    def log_density(self, share: Tensor) -> Tensor:
        """Return log p where (1 − μᵀz)/2 is ``share``, (...), nats, of the same shape."""
        constant = (self._log_constant() + LOG_2 * self._precise(self.concentration)).to(
            share.dtype
        )
        return constant + self.concentration * torch.log1p(-share)

    def _log_constant(self) -> Tensor:
        """Return the logarithm of what (1 + μᵀz)^κ is multiplied by, (...)."""
        kappa, beta = self._precise(self.concentration), self._beta
        gammas = torch.lgamma(kappa + beta) - torch.lgamma(kappa + 2 * beta)
        return -((kappa + 2 * beta) * LOG_2 + gammas + beta * LOG_PI)

    @staticmethod
    def _precise(kappa: Tensor) -> Tensor:
        return kappa if kappa.device.type == "mps" else kappa.double()

    def _turned(self, z: Tensor) -> Tensor:
        """Reflect points around the first axis (..., D) to points around μ."""
        mu = self._direction
        sign = torch.ones_like(mu[..., :1]).copysign(mu[..., :1])
        first = torch.zeros_like(mu)
        first[..., 0] = 1
        normal = torch.nn.functional.normalize(mu + sign * first, dim=-1)
        return sign * (2 * (z * normal).sum(-1, keepdim=True) * normal - z)
