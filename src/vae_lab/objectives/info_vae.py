"""InfoVAE: the aggregate posterior compared with the prior by a kernel."""

from typing import cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.checks import Amount, Size, checked
from vae_lab.model.contract import Draw, Model
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts


def squared_mmd(a: Tensor, b: Tensor) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy of two sets of N points (N, D).

    Gretton et al. 2012, lemma 6, with the kernel exp(−|a − b|² / D).

    Raises:
        ValueError: if there are fewer than two points.
    """
    count, dim = a.shape
    if count < 2:  # noqa: PLR2004
        raise ValueError("the maximum mean discrepancy needs at least two images in a batch")
    points = torch.cat([a, b])
    kernel = (-torch.cdist(points, points).square() / dim).exp()
    aa, bb, ab = kernel[:count, :count], kernel[count:, count:], kernel[:count, count:]
    pairs = count * (count - 1)
    return (aa.sum() - count) / pairs + (bb.sum() - count) / pairs - 2 * ab.mean()


@checked
class InfoVAE(Objective):
    """E_q[log p(x|z)] − (1 − α) KL(q(z|x) ‖ p(z)) − (α + λ − 1) MMD²(q(z) ‖ p(z)).

    Zhao et al. 2019, §3, arXiv:1706.02262; α = 1 is their MMD-VAE, α = 0 and λ = 1 the ELBO.

    Args:
        alpha: α.
        weight: λ, nats.
        num_samples: K, samples per image; the first is compared with the prior.
    """

    needs_rsample = True

    def __init__(self, alpha: float, weight: Amount, num_samples: Size) -> None:
        super().__init__(num_samples)
        self.alpha = alpha
        self.weight = weight

    def check(self, model: Model) -> None:
        """Refuse a model with several groups of latents, or a prior without gradients."""
        super().check(model)
        if model.num_groups > 1 or not model.prior.has_rsample:
            raise ValueError(
                "objective=info_vae needs one group of latents, and a prior whose samples carry "
                "gradients: prior=standard_normal or prior=flow"
            )

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the objective; ``mmd`` is among the parts, in no unit."""
        p = cast(Distribution, draw.p)
        parts = elbo_parts(draw)
        z = draw.z[0]
        mmd = squared_mmd(z, p.rsample((len(z),)))
        value = parts["reconstruction"] - (1 - self.alpha) * parts["kl"]
        value = value - (self.alpha + self.weight - 1) * mmd
        return Bound(value, parts | {"mmd": mmd.expand_as(draw.kl)})
