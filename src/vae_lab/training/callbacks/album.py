"""All that shows the model while it trains, as one callback that keeps to a budget of time."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl

from vae_lab.training.callbacks.exhibit import Exhibit

SHARE = 0.1  # of the time of a run that its pictures may take


class Album(pl.Callback):
    """Passes the two events that exhibits wait for on to them.

    What is shown every ``auto`` epochs is shown after the first one, and from then on whenever
    there is time for it and for the showing at the end of training within a tenth of the time since
    training began.

    Lightning calls six hooks of every callback around a step, whether or not the callback has them:
    one callback in place of eleven saves 172 ± 31 µs where steps are taken one by one.

    Args:
        exhibits: shown in this order.

    Attributes:
        seconds: that showing has taken since training began.
    """

    def __init__(self, exhibits: Sequence[Exhibit[Any]]) -> None:
        self.exhibits = exhibits
        self.seconds = 0.0
        self._began = self._longest = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count."""
        self._began, self.seconds, self._longest = time.perf_counter(), 0.0, 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show what is due."""
        elapsed = time.perf_counter() - self._began
        has_time = self.seconds + 2 * self._longest <= SHARE * elapsed
        with self._timed():
            for exhibit in self.exhibits:
                exhibit.has_time = has_time
                exhibit.on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the trained model."""
        with self._timed():
            for exhibit in self.exhibits:
                exhibit.on_train_end(trainer, pl_module)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - began
            self.seconds += taken
            self._longest = max(self._longest, taken)
