"""Rényi's family of bounds."""

from vae_lab.checks import Size, checked
from vae_lab.model.contract import Draw
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts
from vae_lab.objectives.importance import log_mean_exp


@checked
class Renyi(Objective):
    """1/(1 − α) log 1/K Σ_k w_k^(1 − α), w = p(x, z) / q(z|x).

    Li & Turner 2016, §3, arXiv:1602.02311. α = 0 is IWAE, α → 1 the ELBO; a negative α may
    exceed log p(x).

    Args:
        alpha: α, any number but 1.
        num_samples: K.

    Raises:
        ValueError: if ``alpha`` is 1.
    """

    needs_rsample = True

    def __init__(self, alpha: float, num_samples: Size) -> None:
        super().__init__(num_samples)
        if alpha == 1:
            raise ValueError("objective.alpha=1 is the limit that objective=elbo computes; use it")
        self.order = 1 - alpha

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the bound."""
        value = log_mean_exp(self.order * draw.log_w) / self.order
        return Bound(value, elbo_parts(draw))
