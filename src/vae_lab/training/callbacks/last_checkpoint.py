"""``last.ckpt``: where an interrupted run goes on."""

import os
import signal
import threading
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from vae_lab.runs.rundir import RunDir
from vae_lab.runs.signals import Handler, stop_handlers

NOTICE = b"\nstopping after this step; press Ctrl-C again to stop at once\n"
STDERR = 2


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after every epoch and, when told to stop, after the step in progress.

    The one before is kept as ``previous.ckpt``. A run is told to stop by Ctrl-C and by SIGTERM
    (preemption, ``kill``). Where a scheduler listens for SIGTERM or SIGUSR2, its handler is called
    once the checkpoint is written, and decides whether the run ends. Waiting for the end of the
    step keeps the weights and the optimiser consistent, so that a resumed run gives the numbers of
    one that was never stopped. Several processes stop at the same step: they ask each other every
    ``trainer.log_every_n_steps``. A second signal stops at once, with the checkpoint before.

    Args:
        run_dir: the run directory.
    """

    def __init__(self, run_dir: str) -> None:
        self.run = RunDir(run_dir)
        self._signal: int | None = None  # that told this process to stop
        self._saved = False  # a checkpoint, since then
        self._speaks = False  # true in the one of several processes that says so to the user
        self._handlers: dict[int, Handler] = {}  # of signals, as they were before training

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the handlers of signals before Lightning sets its own."""
        self._handlers = stop_handlers()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Handle the signals here from now on, and no longer in Lightning.

        Lightning set its handlers just before. It removes them at the end of training.
        """
        self._speaks = trainer.is_global_zero
        if threading.current_thread() is threading.main_thread():
            for number in self._handlers:
                signal.signal(number, self._on_signal)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save after a step, if told to stop; after the last step of an epoch its end does so."""
        is_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if is_step and not trainer.is_last_batch and self._is_told(trainer, batch_idx + 1):
            self._save(trainer)
            self._saved = True

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Stop, if told to: not before the next step begins have the loggers written the last."""
        if self._saved:
            self._stop()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save."""
        self._save(trainer)
        if self._is_told(trainer, 0):
            self._stop()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the signals back to who handled them before training.

        Stop, if told to after the last step, while other callbacks drew their pictures.
        """
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                if handler is not None:  # it is None where it was not set from Python
                    signal.signal(number, handler)
        if self._is_told(trainer, 0):
            self._stop()

    def _is_told(self, trainer: pl.Trainer, batches: int) -> bool:
        """Tell whether this process, or any of them, was told to stop."""
        if trainer.world_size == 1:
            return self._signal is not None
        every_n_steps = max(trainer.log_every_n_steps, 1)  # pyright: ignore[reportAttributeAccessIssue]
        if batches % every_n_steps:
            return False
        return trainer.strategy.reduce_boolean_decision(self._signal is not None, all=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            self._stop()
        self._signal = number
        if self._speaks:
            os.write(STDERR, NOTICE)  # printing is not for signal handlers

    def _stop(self) -> None:
        """Stop, or call the scheduler's handler, which may return and let the process work on."""
        handler = self._handlers.get(self._signal) if self._signal else None
        if self._signal is None or not callable(handler):
            raise KeyboardInterrupt
        handler(self._signal, None)
        self._signal, self._saved = None, False

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            return
        trainer.save_checkpoint(self.run.next)
        if trainer.is_global_zero:
            if self.run.last.exists():
                self.run.last.replace(self.run.previous)
            self.run.next.replace(self.run.last)
