"""KL per latent dimension, and how many dimensions are in use."""

import logging

import lightning.pytorch as pl
import torch
from PIL import Image
from torch import Tensor

from vae_lab.evaluation.activity import active_units
from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.picture import PictureCallback

ACTIVE_NATS = 0.01

log = logging.getLogger(__name__)


class LatentUsage(PictureCallback):
    """Bars of KL per dimension; logs ``active_units`` and warns if most have collapsed.

    The channels below the top of a ladder follow its dimensions; one is active if its KL is.
    """

    name = "latent_usage"
    description = (
        "**Which latent dimensions are in use.** A bar is the mean KL between posterior and prior, "
        "the nats that this dimension says about an image; grey ones are inactive: their posterior "
        "is the prior whatever the image. Below the top of a ladder, `c` counts channels."
    )

    def __init__(self, run_dir: str, every_n_epochs: int, num_images: int) -> None:
        super().__init__(run_dir, every_n_epochs, num_images)
        self._active: Tensor | None = None
        self._active_units: int | None = None

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Average the KL over the examples; None where it has no closed form."""
        active = active_units(model.encode(images).mean)
        self._active_units = int(active.sum())
        kl_per_dim = model.draw(images, 1).kl_per_dim
        if kl_per_dim is None:
            self._active = active.cpu()
            return None
        kl = kl_per_dim.mean(0)
        channels_below = kl[len(active) :]
        self._active = torch.cat([active, channels_below > ACTIVE_NATS]).cpu()
        title = f"{int(self._active.sum())} of {len(self._active)} latent dimensions are active"
        names = [str(dimension + 1) for dimension in range(len(active))]
        names += [f"c{channel + 1}" for channel in range(len(channels_below))]
        return plots.kl_bars(kl, self._active, names, title)

    def scalars(self) -> dict[str, float]:
        """Return the number of active units (Burda et al. 2016), of a ladder those of its top."""
        units = self._active_units
        return {} if units is None else {"active_units": float(units)}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the final picture, and say so if most of the latent space is unused."""
        super().on_train_end(trainer, pl_module)
        if self._active is not None and self._active.float().mean() < 0.5:  # noqa: PLR2004
            log.warning(
                "posterior collapse: only %d of %d latent dimensions are active. A KL warm-up "
                "(objective.beta=warmup), a smaller beta or a smaller latent_dim may help",
                int(self._active.sum()),
                len(self._active),
            )
