"""A run that is a trial of a search, and is given up if others do better."""

from typing import Any

import lightning.pytorch as pl

from vae_lab.runs import search


class PruneTrial(pl.Callback):
    """Reports a metric to the search after each validation; its pruner may end the run.

    Process 0 alone talks to the database. Once the trial has ended there, as when its run is
    resumed later, nothing is reported and the run is not pruned. A run that was pruned, and died
    before the search was told, stays pruned.

    Args:
        compared_by: the metric that trials are compared by.
        storage: the URL of the database.
        study: the name of the search in there.
        number: of the trial in the search.
    """

    def __init__(self, compared_by: str, storage: str, study: str, number: int) -> None:
        self.compared_by = compared_by
        self.storage = storage
        self.study = study
        self.number = number
        self.is_pruned = False

    def state_dict(self) -> dict[str, Any]:
        """Return whether the run was pruned."""
        return {"is_pruned": self.is_pruned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Learn whether the run that is resumed was pruned."""
        self.is_pruned = state_dict["is_pruned"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train no further if the run was pruned."""
        trainer.should_stop |= self.is_pruned

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, and stop training if told to."""
        if trainer.sanity_checking:
            return
        is_unpromising = trainer.is_global_zero and search.is_unpromising(
            self.storage,
            self.study,
            self.number,
            epoch=trainer.current_epoch + 1,
            value=trainer.callback_metrics[self.compared_by].item(),
        )
        self.is_pruned = trainer.strategy.broadcast(is_unpromising)
        if self.is_pruned:
            trainer.should_stop = True
