"""The evidence lower bound, and β-VAE."""

from collections.abc import Mapping
from typing import Literal

from vae_lab.checks import Amount, Size, checked
from vae_lab.model.contract import Draw
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts
from vae_lab.objectives.schedules import Schedule, as_schedule


@checked
class ELBO(Objective):
    """E_q[log p(x|z)] − β KL(q(z|x) ‖ p(z)).

    β = 1 is the evidence lower bound; another constant is the β-VAE (Higgins et al. 2017, eq. 4).

    Args:
        beta: a number, or the name of one of ``schedules``.
        kl: ``analytic``, in closed form where one exists; or ``sampled``, the mean of
            log q(z|x) − log p(z) over the samples.
        num_samples: K, samples per image.
        schedules: the schedules that β may follow, by name.

    Raises:
        ValueError: if ``beta`` is a name that ``schedules`` lacks, or ``kl`` is neither.
    """

    def __init__(
        self,
        beta: Amount | str,
        kl: Literal["analytic", "sampled"],
        num_samples: Size,
        schedules: Mapping[str, Schedule],
    ) -> None:
        super().__init__(num_samples)
        self.beta = as_schedule("objective.beta", beta, schedules)
        self.kl = kl

    @property
    def settles_at(self) -> float:
        """The epoch from which on β is constant."""
        return self.beta.settles_at

    def scheduled(self, epoch: float) -> dict[str, float]:
        """Return β."""
        return {"beta": self.beta(epoch)}

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the β-weighted bound."""
        parts = elbo_parts(draw)
        kl = parts["kl"] if self.kl == "analytic" else (draw.log_qz - draw.log_pz).mean(0)
        return Bound(parts["reconstruction"] - scheduled["beta"] * kl, parts)
