"""All that is shown as one callback."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl

from vae_lab.training.callbacks.exhibit import Exhibit


class Album(pl.Callback):
    """Passes the two events that exhibits wait for on to each of them.

    Lightning calls six hooks of every callback at every training step, whether or not the callback
    has them, so one album costs less than ten exhibits.

    Args:
        exhibits: shown in this order.
    """

    def __init__(self, exhibits: Sequence[Exhibit[Any]]) -> None:
        self.exhibits = exhibits

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show what is due."""
        for exhibit in self.exhibits:
            exhibit.on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the trained model."""
        for exhibit in self.exhibits:
            exhibit.on_train_end(trainer, pl_module)
