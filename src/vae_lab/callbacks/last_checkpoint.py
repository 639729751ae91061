"""``last.ckpt``: where an interrupted run goes on."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities import rank_zero_info


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after every epoch and, on Ctrl-C, after the step in progress.

    Waiting for the end of the step keeps the weights and the optimiser consistent, so that the run
    can be resumed without a trace. A second Ctrl-C stops at once, with the checkpoint of the epoch
    before. With several processes Ctrl-C always does that, since they need not stand at the same
    step.

    Args:
        folder: where checkpoints are written.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "last.ckpt"
        self._interrupted = False
        self._saved = False  # since the interruption
        self._handler_before: Any = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Watch for Ctrl-C."""
        if trainer.world_size == 1 and threading.current_thread() is threading.main_thread():
            self._handler_before = signal.signal(signal.SIGINT, self._on_interrupt)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save after a step, if Ctrl-C was pressed; the last of an epoch is left to its end."""
        is_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if self._interrupted and is_step and not trainer.is_last_batch:
            self._save(trainer)
            self._saved = True

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Stop, if Ctrl-C was pressed: only now have the loggers written the last step."""
        if self._saved:
            raise KeyboardInterrupt

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save."""
        self._save(trainer)
        if self._interrupted:
            raise KeyboardInterrupt

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give Ctrl-C its former meaning."""
        if self._handler_before is not None:
            signal.signal(signal.SIGINT, self._handler_before)
            self._handler_before = None

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        rank_zero_info("stopping after this step; press Ctrl-C again to stop at once")

    def _save(self, trainer: pl.Trainer) -> None:
        if not trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            trainer.save_checkpoint(self.path)
