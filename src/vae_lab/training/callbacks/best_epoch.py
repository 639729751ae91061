"""Which epoch is the best: its checkpoint is kept, and without a better one training may stop.

Epochs are compared by a metric of validation images. While a schedule still changes what the
objective asks for, as a warm-up of β does, the numbers of two epochs answer two questions: until it
has settled, the newest epoch is the best one, and none counts as being no better.
"""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from vae_lab.runs.rundir import RunDir
from vae_lab.training.module import VAEModule


def _is_settled(module: pl.LightningModule) -> bool:
    """Tell whether the last validation asked what all later ones will ask."""
    assert isinstance(module, VAEModule)
    return module.validated_at >= module.objective.settles_at


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best epoch as ``best.ckpt``; without validation, the newest.

    What it remembers is the best score alone and no path, so that a run directory can be moved.

    Args:
        run_dir: the run directory.
        monitor: the metric; None without validation.
        mode: ``max`` or ``min``, the better values of the metric.
    """

    def __init__(self, run_dir: str, monitor: str | None, mode: str = "max") -> None:
        best = RunDir(run_dir).best
        super().__init__(
            best.parent,
            best.stem,
            monitor,
            mode=mode,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._judged_at = -1.0  # ``validated_at`` of the validation that was judged last

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the epoch if it is the best, unless it was not validated."""
        assert isinstance(pl_module, VAEModule)
        if self.monitor is not None and pl_module.validated_at == self._judged_at:
            return
        super().on_train_epoch_end(trainer, pl_module)
        self._judged_at = pl_module.validated_at
        if not _is_settled(pl_module):
            self.best_k_models = {}  # the next epoch is better, whatever its score

    def state_dict(self) -> dict[str, Any]:
        """Return the best score; None as long as the next epoch is better whatever its score."""
        return {"best_model_score": self.best_k_models.get(self.best_model_path)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best score of the run that is resumed, wherever it lay then."""
        score = state_dict["best_model_score"]
        self.best_model_score, self.best_model_path = score, self.format_checkpoint_name({})
        if score is not None:
            self.best_k_models = {self.best_model_path: score}
            self.kth_best_model_path, self.kth_value = self.best_model_path, score


class NoBetterEpoch(EarlyStopping):
    """Ends training when no epoch has been better for ``patience`` validations.

    The epoch in progress is finished, so that a run that is resumed with more patience has trained
    it whole. Without more patience, a run that has ended stays ended.
    Its arguments are those of Lightning's ``EarlyStopping``.
    """

    _ends_with_epoch = False

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting, with the patience of now."""
        super().load_state_dict(state_dict | {"patience": self.patience})

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train no further if the run that is resumed had ended."""
        had_ended = self.stopping_reason != EarlyStoppingReason.NOT_STOPPED
        was_impatient = self.stopping_reason == EarlyStoppingReason.PATIENCE_EXHAUSTED
        if had_ended and not (was_impatient and self.wait_count < self.patience):
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the epoch, if it can be compared."""
        if _is_settled(pl_module):
            super().on_train_epoch_end(trainer, pl_module)
        trainer.should_stop |= self._ends_with_epoch

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the validation, if it can be compared."""
        stops_already = trainer.should_stop
        if _is_settled(pl_module):
            super().on_validation_end(trainer, pl_module)
        self._ends_with_epoch = trainer.should_stop and not stops_already
        trainer.should_stop = stops_already
