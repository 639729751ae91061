"""β-TCVAE: the KL taken apart."""

import math
from typing import cast

import torch

from vae_lab.checks import Amount, Size, checked
from vae_lab.model.contract import Draw, Model
from vae_lab.model.distributions import DiagonalGaussian
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts


@checked
class BetaTCVAE(Objective):
    """E_q[log p(x|z)] − α I(x; z) − β TC(z) − γ Σ_d KL(q(z_d) ‖ p(z_d)).

    KL(q(z|x) ‖ p(z)) is, on average, the mutual information, plus the total correlation
    KL(q(z) ‖ Π_d q(z_d)), plus the dimension-wise KL (Chen et al. 2018, eq. 2, arXiv:1802.04942).
    q(z) is the mixture of the batch's posteriors. Their minibatch-weighted sampling (§3.1) differs
    from it by constants, so gradients are the same; mutual information is at most log B here.

    Args:
        mutual_information: α.
        total_correlation: β.
        dimension_wise_kl: γ.
        num_samples: K, samples per image.
    """

    needs_rsample = True

    def __init__(
        self,
        mutual_information: Amount,
        total_correlation: Amount,
        dimension_wise_kl: Amount,
        num_samples: Size,
    ) -> None:
        super().__init__(num_samples)
        self.weights = (mutual_information, total_correlation, dimension_wise_kl)

    def check(self, model: Model) -> None:
        """Refuse a model without one density per latent dimension."""
        super().check(model)
        if model.num_groups > 1 or not model.posterior.factorises:
            raise ValueError(
                "objective=tcvae needs posterior=diagonal_normal and one group of latents"
            )
        if not model.prior.factorises:
            raise ValueError(
                "objective=tcvae needs a prior of independent dimensions: prior=standard_normal"
            )

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the weighted sum; its three terms, of this batch, are among the parts."""
        q = cast(DiagonalGaussian, draw.q)
        parts = elbo_parts(draw)
        pairs = q.log_prob_per_dim(draw.z[:, :, None])  # (K, B, B, D): z of one, q of another
        log_batch = math.log(pairs.shape[2])
        log_qz = torch.logsumexp(pairs.sum(-1), dim=2) - log_batch
        log_qz_per_dim = torch.logsumexp(pairs, dim=2) - log_batch
        log_product = log_qz_per_dim.sum(-1)
        terms = {
            "batch_mutual_information": (draw.log_qz - log_qz).mean(0),
            "batch_total_correlation": (log_qz - log_product).mean(0),
            "batch_dimension_wise_kl": (log_product - draw.log_pz).mean(0),
        }
        value = parts["reconstruction"]
        for weight, term in zip(self.weights, terms.values(), strict=True):
            value = value - weight * term
        return Bound(value, parts | terms)
