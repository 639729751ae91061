"""What is asked of two distributions, or of one and its own samples."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal
from zuko.distributions import NormalizingFlow

from vae_lab.model.distributions.codes import (
    AutoregressiveCodes,
    ChosenCodes,
    CodeVectors,
    OneHotCodes,
)
from vae_lab.model.distributions.full_mixture import FullGaussianMixture
from vae_lab.model.distributions.latents import DiagonalGaussian, GaussianMixture, StandardGaussian
from vae_lab.model.distributions.rescaled import Rescaled
from vae_lab.model.distributions.spheres import PowerSpherical, UniformSphere


def rsample_and_log_prob(q: Distribution, num_samples: int) -> tuple[Tensor, Tensor]:
    """Sample z ~ q with gradients, (K, B, D), and return log q(z), nats, (K, B).

    In one go where q can do that: densities of its own samples are cheap for a flow, and those of
    given points may not be.
    """
    if hasattr(q, "rsample_and_log_prob"):
        return q.rsample_and_log_prob((num_samples,))  # pyright: ignore[reportAttributeAccessIssue]
    z = q.rsample((num_samples,))
    return z, q.log_prob(z)


def rsample_with_density(q: Distribution, num_samples: int) -> tuple[Tensor, Callable[[], Tensor]]:
    """Sample z ~ q as ``rsample_and_log_prob`` does; return z and what gives log q(z).

    Of a normal it is computed when it is asked for: an ELBO with a closed KL does not ask.
    """
    if isinstance(q, DiagonalGaussian):
        z, noise = q.rsample_with_noise((num_samples,))
        return z, partial(q.log_prob_of_noise, noise)
    z, log_prob = rsample_and_log_prob(q, num_samples)
    return z, lambda: log_prob


def kl_per_dim(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q_d ‖ p_d) for independent dimensions, (B, D), or None if no formula is known.

    From a normal to N(0, 1): ½(μ² + σ² − 1) − log σ (Kingma & Welling 2014, appendix B,
    arXiv:1312.6114); to another normal the same, of z in that one's units. Between the units of
    discrete codes: Σ_c q_c (log q_c − log p_c).
    """
    if isinstance(q, DiagonalGaussian) and isinstance(p, StandardGaussian):
        squares = torch.addcmul(q.mean.square(), q.stddev, q.stddev)
        return torch.add(-0.5 - q.log_scale, squares, alpha=0.5)
    if isinstance(q, DiagonalGaussian) and isinstance(p, DiagonalGaussian):
        log_ratio = q.log_scale - p.log_scale
        squares = ((q.mean - p.mean) / p.stddev).square() + (2 * log_ratio).exp()
        return torch.add(-0.5 - log_ratio, squares, alpha=0.5)
    if isinstance(q, OneHotCodes) and isinstance(p, OneHotCodes):
        return (q.log_probs.exp() * (q.log_probs - p.log_probs)).sum(-1)
    if isinstance(q, ChosenCodes) and isinstance(p, CodeVectors):
        codes = p.codes
        if isinstance(codes, OneHotCodes):
            return -codes.log_prob_per_dim(p.one_hot(q.mean))
    return None


def closed_kl(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q ‖ p) of all dimensions together, (B,), or None if no formula is known.

    Known where ``kl_per_dim`` is, and between a power spherical and the uniform distribution.
    """
    if isinstance(q, PowerSpherical) and isinstance(p, UniformSphere):
        return q.kl_from_uniform()
    per_dim = kl_per_dim(q, p)
    return None if per_dim is None else per_dim.sum(-1)


def tempered(p: Distribution, temperature: float) -> Distribution:  # noqa: PLR0911 - one a kind
    """Return ``p`` with the standard deviation of its noise times T = ``temperature``.

    N(0, I) becomes N(0, T² I), and another normal narrows around its mean. Each component of a
    mixture narrows around its own mean and keeps its weight. A flow narrows before its transform,
    as in Kingma & Dhariwal 2018, §6, arXiv:1807.03039. A uniform distribution has none. T = 1
    changes nothing; T = 0 leaves the origin, the means, or the image of the origin under the flow.
    Of autoregressive codes every conditional has its log-odds divided by T; T = 0 takes the most
    probable value of each unit in turn.

    Raises:
        ValueError: if ``temperature`` is negative or not finite, or ``p`` has no such noise.
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be a finite number of at least 0, got {temperature}")
    if temperature == 1:
        return p
    log_temperature = math.log(temperature) if temperature else -math.inf
    match p:
        case StandardGaussian():
            return DiagonalGaussian(p.mean, torch.full_like(p.mean, log_temperature))
        case DiagonalGaussian():
            return DiagonalGaussian(p.mean, p.log_scale + log_temperature)
        case GaussianMixture():
            return GaussianMixture(p.means, p.log_scales + log_temperature, p.log_weights)
        case FullGaussianMixture():
            log_scales = p.log_scales + log_temperature
            return FullGaussianMixture(p.means, log_scales, p.couplings, p.log_weights)
        case Rescaled():
            return Rescaled(tempered(p.base, temperature), p.shift, p.scale)
        case NormalizingFlow():
            noise = Normal(p.base.mean, temperature * p.base.stddev, validate_args=False)
            return NormalizingFlow(p.transform, Independent(noise, 1))
        case AutoregressiveCodes():
            return p.tempered(temperature)
        case OneHotCodes():
            raise ValueError(
                "with prior=categorical all codes have the same probability, and a temperature "
                "changes nothing"
            )
        case UniformSphere():
            raise ValueError("prior=uniform_sphere is uniform, and has no temperature but 1")
    raise ValueError(f"a temperature is not defined for a prior that is a {type(p).__name__}")
