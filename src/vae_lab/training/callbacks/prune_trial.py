"""A run that is a trial of a search, and is given up if others do better."""

import lightning.pytorch as pl

from vae_lab.runs import search


class PruneTrial(pl.Callback):
    """Reports the monitored metric to the search after each validation; its pruner may end the run.

    Process 0 alone talks to the database. Once the trial has ended there, as when its run is
    resumed later, nothing is reported and the run is not pruned.

    Args:
        monitor: the metric.
        storage: the URL of the database.
        study: the name of the search in there.
        number: of the trial in the search.
    """

    def __init__(self, monitor: str, storage: str, study: str, number: int) -> None:
        self.monitor = monitor
        self.storage = storage
        self.study = study
        self.number = number
        self.is_pruned = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, and stop training if told to."""
        if trainer.sanity_checking:
            return
        is_unpromising = trainer.is_global_zero and search.is_unpromising(
            self.storage,
            self.study,
            self.number,
            epoch=trainer.current_epoch + 1,
            value=trainer.callback_metrics[self.monitor].item(),
        )
        self.is_pruned = trainer.strategy.broadcast(is_unpromising)
        if self.is_pruned:
            trainer.should_stop = True
