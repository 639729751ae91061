"""The baseline without a distribution over codes."""

from vae_lab.model.contract import Draw
from vae_lab.objectives.bound import Bound, Objective


class Autoencoder(Objective):
    """log p(x|z) at the code z = μ(x): no sampling, no KL, hence no bound.

    The baseline that a VAE improves upon, with ``posterior=deterministic``. It reports no ``elbo``
    and no ``kl``: a point mass has an infinite KL from any density.
    """

    def __init__(self) -> None:
        super().__init__(num_samples=1)

    def __call__(self, draw: Draw, epoch: float) -> Bound:
        """Return the reconstruction term alone."""
        value = draw.log_px.mean(0)
        return Bound(value, value.mean(), {"reconstruction": value})
