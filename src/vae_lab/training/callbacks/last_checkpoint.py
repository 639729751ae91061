"""``last.ckpt``: where an interrupted run goes on."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint, Timer

from vae_lab.runs.rundir import RunDir
from vae_lab.runs.signals import Handler, stop_handlers
from vae_lab.training.checkpoints import checkpoints_of
from vae_lab.training.module import VAEModule

NOTICE = b"stopping after this step; press Ctrl-C again to stop at once\n"
CLEAR_LINE = b"\r\x1b[2K"  # of a terminal: the bar, and the ^C in it
STDERR = 2


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after every epoch and, when told to stop, after the step in progress.

    The one before is kept as ``previous.ckpt``. A run is told to stop by Ctrl-C and by SIGTERM
    (preemption, ``kill``). Where another library had set a handler for the signal before training,
    as submitit does for SIGTERM and SIGUSR2, that handler is called once the checkpoint is written,
    and decides whether the process ends. Waiting for the end of the step keeps the weights and the
    optimiser consistent, so that a resumed run ends with the same numbers as one never interrupted.
    Several processes stop at the same step: they ask each other every
    ``trainer.log_every_n_steps``. A second signal stops at once and writes no checkpoint.

    Args:
        run_dir: the run directory.
    """

    def __init__(self, run_dir: str) -> None:
        self.run = RunDir(run_dir)
        self._signal: int | None = None  # that told this process to stop
        self._saved = False  # a checkpoint, since then
        self._ends_within_epoch = False  # with a checkpoint of that step
        self._speaks = False  # true in the one of several processes that says so to the user
        self._pause: Callable[[], None]  # hands back after the step in progress
        self._handlers: dict[int, Handler] = {}  # of signals, as they were before training

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the handlers of signals before Lightning sets its own."""
        self._handlers = stop_handlers()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Handle the signals here from now on, and no longer in Lightning.

        Lightning set its handlers just before. It removes them at the end of training.
        """
        assert isinstance(pl_module, VAEModule)
        self._pause = pl_module.execution.pause
        _begin_the_next_epoch(trainer)
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
        """Save after a step, if training stops; after an epoch's last, on_train_epoch_end does.

        Training stops in the middle of an epoch if it is told to, at ``trainer.max_steps``, and
        once ``trainer.max_time`` is over. A run that goes on later trains the rest of the epoch.
        """
        assert isinstance(pl_module, VAEModule)
        if trainer.is_last_batch:
            return
        if not pl_module.execution.ends_step:
            _wait_for_the_step(trainer)
        elif _ends_here(trainer):
            self._save(trainer)
            self._ends_within_epoch = True
        elif self._is_told(trainer, batch_idx + 1):
            self._save(trainer)
            self._saved = True

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Stop, if told to and saved: what is logged of a step is written after its end."""
        if self._saved:
            checkpoints_of(trainer).wait()
            self._stop()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, and stop if told to."""
        if not self._ends_within_epoch:
            self._save(trainer)
        if self._is_told(trainer, 0):
            checkpoints_of(trainer).wait()
            self._stop()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the former handlers, wait for the last checkpoint, and stop if told to."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                if handler is not None:  # None where it was not set from Python
                    signal.signal(number, handler)
        checkpoints_of(trainer).wait()
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
        self._pause()
        if self._speaks:
            # print() is not safe in a signal handler
            os.write(STDERR, (CLEAR_LINE if os.isatty(STDERR) else b"\n") + NOTICE)

    def _stop(self) -> None:
        """Call the handler from before training, and go on if it returns; without one, raise."""
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
            checkpoints_of(trainer).then(self._keep)

    def _keep(self) -> None:
        if self.run.last.exists():
            self.run.last.replace(self.run.previous)
        self.run.next.replace(self.run.last)


def _begin_the_next_epoch(trainer: pl.Trainer) -> None:
    """Let a run that ended with an epoch go on with the next one.

    With ``trainer.max_steps`` Lightning takes it for one that ended within the epoch, and counts
    that epoch again instead of training.
    """
    loop = trainer.fit_loop
    current, total = cast(Any, (loop.epoch_progress.current, loop.epoch_progress.total))
    if current.processed == current.ready:
        current.completed, total.completed = current.processed, total.processed
        loop.reset_restart_stage()
        loop.epoch_loop.restarting = False


def _ends_here(trainer: pl.Trainer) -> bool:
    """Tell whether Lightning trains no further step, though the epoch is not over."""
    is_enough = 0 <= trainer.max_steps <= trainer.global_step
    return is_enough or (trainer.should_stop and trainer.fit_loop._can_stop_early)


def _wait_for_the_step(trainer: pl.Trainer) -> None:
    """Let no timer stop training between two steps: it does so after the next step.

    A checkpoint does not hold the gradients that have been accumulated since the last step.
    """
    if any(isinstance(callback, Timer) for callback in trainer.callbacks):  # pyright: ignore[reportAttributeAccessIssue]
        trainer.should_stop = False
