"""Free bits: information that costs nothing."""

import torch

from vae_lab.checks import Amount, Size, checked
from vae_lab.collectives import mean_over_batch
from vae_lab.model.contract import Draw, Model
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts


@checked
class FreeBits(Objective):
    """E_q[log p(x|z)] − Σ_d max(λ, mean over the batch of all processes of KL_d).

    Each latent dimension may carry λ nats before its KL counts, so none is driven to the prior
    early. Kingma et al. 2016, eq. 15, arXiv:1606.04934. Without a KL per dimension, as with a flow,
    the whole KL of a group of latents is one unit.

    Args:
        free_nats: λ, nats per latent dimension (per channel in a ladder).
        num_samples: K, samples per image.

    Raises:
        ValueError: if ``free_nats`` is negative.
    """

    def __init__(self, free_nats: Amount, num_samples: Size) -> None:
        super().__init__(num_samples)
        self.free_nats = free_nats

    def caveat(self, model: Model) -> str | None:
        """Say so if the KL has no shares per dimension."""
        if model.posterior.factorises and model.prior.has_kl_per_dim:
            return None
        return (
            f"objective.free_nats={self.free_nats} are free of the whole KL of "
            f"{'the top group of latents' if model.num_groups > 1 else 'all latents together'}: "
            "with this posterior and prior there is no KL per latent dimension"
        )

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the bound with free bits; its batch mean is eq. 15."""
        parts = elbo_parts(draw)
        kl = draw.kl_per_unit
        is_charged = mean_over_batch(kl) > self.free_nats
        charge = torch.where(is_charged, kl, torch.full_like(kl, self.free_nats)).sum(-1)
        value = parts["reconstruction"] - charge
        return Bound(value, parts)
