"""How long an epoch and a run will go on, judged by what has passed."""

import math
import time
from collections import deque
from statistics import mean

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer

from vae_lab.training.module import VAEModule

RECENT = 10  # epochs, of which some draw pictures


class TimeLeft:
    """Judges what is left of an epoch by its batches, and of a run by its latest epochs.

    The first epoch that a process trains is left out, since it loads and compiles; so the end of
    the run is known from the third on. Epochs are counted whole, validation and pictures included.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._first: int | None = None  # epoch that this process trained
        self._epoch = -1
        self._batches = 0  # of this epoch, that this process trained
        self._spans: deque[float] = deque(maxlen=RECENT)

    @property
    def elapsed(self) -> float:
        """Seconds since the epoch began."""
        return time.perf_counter() - self._began

    def begin_epoch(self, trainer: pl.Trainer) -> None:
        """Begin to count."""
        epoch = trainer.current_epoch
        if self._first is None:
            self._first = epoch
        elif epoch == self._epoch + 1 and self._epoch > self._first:
            self._spans.append(self.elapsed)
        self._epoch = epoch
        self._batches = 0
        self._began = time.perf_counter()

    def count_batches(self, count: int) -> None:
        """Take note of batches that are done."""
        self._batches += count

    def of_epoch(self, trainer: pl.Trainer, done: int) -> float:
        """Return the seconds that the epoch goes on.

        Args:
            trainer: that trains it.
            done: how many batches of the epoch are.
        """
        per_batch = self.elapsed / max(self._batches, 1)
        whole = mean(self._spans) if self._spans else 0.0
        return max(per_batch * (trainer.num_training_batches - done), whole - self.elapsed)

    def of_run(self, trainer: pl.Trainer, done: int) -> float | None:
        """Return the seconds that training goes on, None if they cannot be known."""
        limits = []
        if self._spans and (epochs := _epochs_after_this_one(trainer, done)) is not None:
            limits.append(self.of_epoch(trainer, done) + epochs * mean(self._spans))
        timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # pyright: ignore[reportAttributeAccessIssue]
        limits += [left for timer in timers if (left := timer.time_remaining()) is not None]
        return min(limits, default=None)


def _epochs_after_this_one(trainer: pl.Trainer, done: int) -> float | None:
    """Return how many epochs follow, in parts of one where steps are limited."""
    epochs, steps = trainer.max_epochs, trainer.max_steps
    limits = [] if epochs is None or epochs < 0 else [float(epochs - trainer.current_epoch - 1)]
    module = trainer.lightning_module
    assert isinstance(module, VAEModule)
    accumulated = module.stepping.accumulate_grad_batches
    per_epoch = trainer.num_training_batches / accumulated
    if steps >= 0 and math.isfinite(per_epoch):
        rest = (trainer.num_training_batches - done) / accumulated
        limits.append((steps - trainer.global_step - rest) / per_epoch)
    return min(limits, default=None)
