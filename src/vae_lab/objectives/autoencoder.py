"""The baseline without a distribution over codes."""

from vae_lab.model.contract import Draw, Model
from vae_lab.objectives.bound import Bound, Objective, Scheduled


class Autoencoder(Objective):
    """log p(x|z) at the code z = μ(x): no sampling, no KL, hence no bound.

    The baseline that a VAE improves upon, with ``posterior=deterministic``. It reports no ``elbo``
    and no ``kl``: a point mass has an infinite KL from any density.
    """

    compared_by = "reconstruction"

    def __init__(self) -> None:
        super().__init__(num_samples=1)

    def check(self, model: Model) -> None:
        """Refuse a model whose codes are sampled, or whose prior is learned."""
        if model.num_groups > 1:
            raise ValueError("objective=autoencoder needs a model with one group of latents")
        if not model.posterior.is_point_mass:
            raise ValueError(
                "objective=autoencoder goes with posterior=deterministic: it samples nothing"
            )
        if model.prior.is_learned:
            raise ValueError(
                "objective=autoencoder teaches the prior nothing, so that its samples would mean "
                "nothing; use prior=standard_normal, and fit a prior to the trained run: "
                "python scripts/fit_prior.py runs/<run> --prior flow"
            )

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the reconstruction term alone."""
        value = draw.log_px.mean(0)
        return Bound(value, {"reconstruction": value})
