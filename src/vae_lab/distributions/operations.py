"""What is asked of two distributions, or of one and its own samples."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence

from vae_lab.distributions.latents import DiagonalGaussian, StandardGaussian


def rsample_and_log_prob(q: Distribution, num_samples: int) -> tuple[Tensor, Tensor]:
    """Sample z ~ q with gradients, (K, B, D), and return log q(z), nats, (K, B).

    In one go where q can do that: densities of its own samples are cheap for a flow, and those of
    given points may not be.
    """
    if hasattr(q, "rsample_and_log_prob"):
        return q.rsample_and_log_prob((num_samples,))  # pyright: ignore[reportAttributeAccessIssue]
    z = q.rsample((num_samples,))
    return z, q.log_prob(z)


def kl_per_dim(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q_d ‖ p_d) for independent dimensions, (B, D), or None if no formula is known.

    Between normals: ½(μ² + σ² − 1) − log σ (Kingma & Welling 2014, appendix B, arXiv:1312.6114).
    """
    if isinstance(q, DiagonalGaussian) and isinstance(p, StandardGaussian):
        squares = torch.addcmul(q.mean.square(), q.stddev, q.stddev)
        return torch.add(-0.5 - q.log_scale, squares, alpha=0.5)
    if isinstance(q, Independent) and isinstance(p, Independent):
        try:
            return kl_divergence(q.base_dist, p.base_dist)
        except NotImplementedError:
            return None
    return None
