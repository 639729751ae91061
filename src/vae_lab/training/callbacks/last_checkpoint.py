"""``last.ckpt``: where an interrupted run goes on."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

NOTICE = b"\nstopping after this step; press Ctrl-C again to stop at once\n"
STDERR = 2

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after every epoch and, when told to stop, after the step in progress.

    The one before is kept as ``previous.ckpt``. A run is told to stop by Ctrl-C and by SIGTERM
    (preemption, ``kill``); where a scheduler listens for SIGTERM or SIGUSR2, it has the last word
    once the checkpoint is written. Waiting for the end of the step keeps the weights and the
    optimiser consistent, so that the run can be resumed without a trace. Several processes stop at
    the same step: they ask each other every ``trainer.log_every_n_steps``. A second signal stops at
    once, with the checkpoint before.

    Args:
        folder: where checkpoints are written.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "last.ckpt"
        self._signal: int | None = None  # that told this process to stop
        self._saved = False  # since then
        self._speaks = False  # as one of several processes does
        self._handlers: dict[int, Any] = {}  # as they were before training

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember who listened before Lightning does."""
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen, in place of Lightning, which gives signals their former meaning in the end."""
        self._speaks = trainer.is_global_zero
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                if number != signal.SIGUSR2 or callable(handler):
                    signal.signal(number, self._on_signal)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save after a step, if told to stop; the last of an epoch is left to its end."""
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
        """Stop, if told to: only now have the loggers written the last step."""
        if self._saved:
            self._stop()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save."""
        self._save(trainer)
        if self._is_told(trainer, 0):
            self._stop()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop, if told to while the others drew their last pictures; listen no more."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                if handler is not None:  # as of one that was not set from Python
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
        """Stop, unless a scheduler says that the process may work on while it can."""
        handler = self._handlers.get(self._signal) if self._signal else None
        if not callable(handler):
            raise KeyboardInterrupt
        handler(self._signal, None)
        self._signal, self._saved = None, False

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            return
        aside = self.path.with_name("next.ckpt")
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            if self.path.exists():
                self.path.replace(self.path.with_name("previous.ckpt"))
            aside.replace(self.path)
