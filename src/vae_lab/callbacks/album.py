"""All pictures as one callback."""

from collections.abc import Sequence

import lightning.pytorch as pl

from vae_lab.callbacks.picture import PictureCallback


class Album(pl.Callback):
    """Passes the two events that pictures wait for on to each of them.

    Lightning calls six hooks of every callback at every training step, whether or not the callback
    has them, so one album costs less than six pictures.

    Args:
        pictures: drawn in this order.
    """

    def __init__(self, pictures: Sequence[PictureCallback]) -> None:
        self.pictures = pictures

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw what is due."""
        for picture in self.pictures:
            picture.on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the final pictures."""
        for picture in self.pictures:
            picture.on_train_end(trainer, pl_module)
