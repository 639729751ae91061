"""How the means and the widths of the posteriors are distributed."""

import lightning.pytorch as pl
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.model.distributions import DiagonalGaussian
from vae_lab.training.callbacks.exhibit import Exhibit, tensorboards


class PosteriorHistograms(Exhibit[dict[str, Tensor]]):
    """Histograms of posterior means and, of normal posteriors, standard deviations."""

    name = "posterior"
    description = (
        "**Posteriors of validation images**, all latent dimensions together. `means`: a dimension "
        "that is in use spreads over about the prior, [-2, 2]; a spike at 0 is dimensions that "
        "are not. `scales`: standard deviations; small where a dimension says much about the "
        "image, 1, the prior's, where it says nothing. Both spikes at once are posterior collapse."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Encode the examples."""
        q = model.encode(images)
        return {"means": q.mean} | ({"scales": q.stddev} if isinstance(q, DiagonalGaussian) else {})

    def publish(self, drawn: dict[str, Tensor], trainer: pl.Trainer, step: int) -> None:
        """Write the histograms to TensorBoard."""
        for logger in tensorboards(trainer):
            for name, values in drawn.items():
                logger.log_histogram(f"{self.name}/{name}", values, self.description, step)
