"""The mixture of many posteriors: q(z) = 1/N Σ_n q(z|x_n)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.model.distributions.codes import ChosenCodes, OneHotCodes
from vae_lab.model.distributions.latents import DiagonalGaussian, GaussianMixture
from vae_lab.model.distributions.spheres import NEAREST_ONE, PowerSpherical


def aggregate(
    posteriors: Sequence[Distribution], chosen: Tensor, precision: torch.dtype
) -> Distribution | None:
    """Return q(z), event (D,), or None where it would take too long to compute.

    That is so of flows, which are slow for latents that they did not draw.

    Args:
        posteriors: all of one kind, each of a batch of images.
        chosen: which of all these images count, Boolean; N of them.
        precision: to compute in.
    """

    def joined(name: str) -> Tensor:
        parts = [getattr(q, name) for q in posteriors]
        return torch.cat(parts).to(precision)[chosen]

    match posteriors[0]:
        case DiagonalGaussian():
            means = joined("mean")
            log_weights = means.new_zeros(len(means)).log_softmax(0)
            return GaussianMixture(means, joined("log_scale"), log_weights)
        case PowerSpherical():
            return PowerSphericalMixture(joined("mean"), joined("concentration"))
        case OneHotCodes():
            return OneHotMixture(joined("log_probs"))
        case ChosenCodes():
            return CountedCodes(joined("mean"))
    return None


class PowerSphericalMixture(Distribution):
    """The mean of power spherical densities: batch (), event (D,).

    Args:
        directions: μ, unit vectors, (N, D).
        concentrations: κ, (N,).
    """

    def __init__(self, directions: Tensor, concentrations: Tensor) -> None:
        super().__init__(torch.Size(), directions.shape[-1:], validate_args=False)
        self._parts = PowerSpherical(directions, concentrations)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at unit vectors ``value`` (M, D), nats, (M,)."""
        mu = self._parts.mean
        squares = value.square().sum(-1, keepdim=True) + mu.square().sum(-1)
        share = (0.25 * squares - 0.5 * value @ mu.mT).clamp(0, NEAREST_ONE)
        return self._parts.log_density(share).logsumexp(-1) - math.log(len(mu))


class OneHotMixture(Distribution):
    """The mean of the probabilities that posteriors give to one-hot codes: batch (), event (D·C,).

    Args:
        log_probs: log probabilities, (N, D, C).
    """

    def __init__(self, log_probs: Tensor) -> None:
        self._log_probs = log_probs.flatten(1)
        super().__init__(torch.Size(), self._log_probs.shape[1:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of one-hot codes ``value`` (M, D·C), nats, (M,)."""
        joint = value @ self._log_probs.mT
        return joint.logsumexp(-1) - math.log(len(self._log_probs))


class CountedCodes(Distribution):
    """The shares of codes that were chosen: batch (), event (D·W,).

    Args:
        codes: their vectors, one code for each image, (N, D·W).
    """

    def __init__(self, codes: Tensor) -> None:
        super().__init__(torch.Size(), codes.shape[1:], validate_args=False)
        self._codes = codes

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log of the share of codes ``value`` (M, D·W), (M,); −∞ where it is 0."""
        count = len(self._codes)
        _, kinds = torch.cat([self._codes, value]).unique(dim=0, return_inverse=True)
        counts = torch.bincount(kinds[:count], minlength=int(kinds.max()) + 1)
        return (counts.to(value) / count).log()[kinds[count:]]
