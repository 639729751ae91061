"""Several training steps in one call of Lightning.

Lightning does the same around every batch, whatever its size: hooks of all callbacks, results,
loggers, the loops' accounts. Where nobody waits for a single step, the module takes many of them in
one ``training_step`` (Keras calls this ``steps_per_execution``), so that all that is paid once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, Timer

SECONDS = 0.25  # that a call takes at most, so that a bar moves and a clock is seen


@dataclass(frozen=True)
class Stepping:
    """How the optimiser takes its steps.

    Args:
        accumulate_grad_batches: batches whose mean gradient makes one step.
        gradient_clip_val: the largest norm or value of the gradient; None for any.
        gradient_clip_algorithm: ``norm`` or ``value``.
        steps_per_execution: the most steps that one call takes; ``auto`` for as many as nobody
            waits for.
    """

    accumulate_grad_batches: int = 1
    gradient_clip_val: float | None = None
    gradient_clip_algorithm: str | None = None
    steps_per_execution: int | Literal["auto"] = "auto"


class Execution:
    """The batches that one call of ``training_step`` trains on.

    Lightning hands over the first one. The following ones are fetched here and counted as Lightning
    counts them, so that its progress, checkpoints and limits remain those of single batches.

    Args:
        trainer: in the middle of ``fit``.
        stepping: how steps are taken.

    Attributes:
        taken: batches that the call in progress has taken, or the last one.
    """

    def __init__(self, trainer: pl.Trainer, stepping: Stepping) -> None:
        self._trainer = trainer
        self._accumulate = stepping.accumulate_grad_batches
        self._loop = cast(Any, trainer.fit_loop.epoch_loop)
        self._most = 1 if watches_batches(trainer) else stepping.steps_per_execution
        self._is_told_to_pause = False
        self.taken = 0
        self._owed = False  # whether Lightning has counted a step that was not taken

    @property
    def begins_step(self) -> bool:
        """Whether the batch in progress is the first of a step."""
        return (self._loop.batch_progress.current.ready - 1) % self._accumulate == 0

    @property
    def ends_step(self) -> bool:
        """Whether the batch in progress is the last of a step."""
        ready = self._loop.batch_progress.current.ready
        return ready % self._accumulate == 0 or self._loop._num_ready_batches_reached()

    def pause(self) -> None:
        """Hand back to Lightning after the step in progress."""
        self._is_told_to_pause = True

    def batches(self, batch: Any) -> Iterator[Any]:  # noqa: ANN401
        """Yield ``batch`` and, each once the one before has been trained on, those that follow."""
        began, steps = time.perf_counter(), 0
        self._is_told_to_pause = False
        self._loop._batches_that_stepped -= self._owed
        progress = self._loop.batch_progress
        self.taken = 0
        while True:
            self.taken += 1
            yield batch
            steps += self.ends_step
            if self._most == 1 or self._ends_here(steps, time.perf_counter() - began):
                self._owed = not self.ends_step
                return
            self._loop._batches_that_stepped += self.ends_step
            progress.increment_processed()
            progress.increment_completed()
            batch = self._next()

    def _ends_here(self, steps: int, seconds: float) -> bool:
        trainer, loop = self._trainer, self._loop
        if loop._should_check_val_fx(trainer.fit_loop._data_fetcher):
            return True
        every_n_steps = cast(Any, trainer).log_every_n_steps
        return self.ends_step and (
            loop._num_ready_batches_reached()
            or steps == self._most
            or seconds > SECONDS
            or self._is_told_to_pause
            or cast(Any, trainer).received_sigterm
            or trainer.should_stop
            or 0 <= trainer.max_steps <= trainer.global_step
            or (every_n_steps > 0 and trainer.global_step % every_n_steps == 0)
        )

    def _next(self) -> Any:  # noqa: ANN401
        """Fetch a batch as Lightning's epoch loop does."""
        trainer, progress = self._trainer, self._loop.batch_progress
        fetcher = cast(Any, trainer.fit_loop._data_fetcher)
        batch, _, _ = next(fetcher)
        progress.is_last_batch = fetcher.done
        batch = trainer.precision_plugin.convert_input(batch)
        batch = trainer.lightning_module._on_before_batch_transfer(batch, dataloader_idx=0)
        batch = trainer.strategy.batch_to_device(batch, dataloader_idx=0)
        progress.increment_ready()
        progress.increment_started()
        return batch


def batches_done(trainer: pl.Trainer) -> int:
    """Return how many batches of the epoch in progress have been trained on."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready


def watches_batches(trainer: pl.Trainer) -> bool:
    """Tell whether something waits for every single batch.

    Several processes wait for each other, and a callback for what its hooks name; those of this
    package, a timer, and what acts on epochs alone do not.
    """
    callbacks = cast(Any, trainer).callbacks
    return trainer.world_size > 1 or any(map(_watches_batches, callbacks))


def _watches_batches(callback: pl.Callback) -> bool:
    match callback:
        case ModelCheckpoint():
            return bool(callback._every_n_train_steps or callback._train_time_interval)
        case LearningRateMonitor():
            return callback.logging_interval != "epoch"
    hooks = ("on_train_batch_start", "on_train_batch_end")
    own = [getattr(type(callback), hook) for hook in hooks]
    return any(
        hook is not getattr(pl.Callback, name)
        and hook is not getattr(Timer, name)
        and not hook.__module__.startswith("vae_lab.")
        for hook, name in zip(own, hooks, strict=True)
    )
