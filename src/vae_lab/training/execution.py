"""Several training steps in one call of Lightning.

Lightning does the same around every batch, whatever its size: hooks of all callbacks, results,
loggers, the loops' accounts. Where nobody waits for a single step, the module takes many of them in
one ``training_step`` (Keras calls this ``steps_per_execution``), so that all that is paid once.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, Timer
from torch import Tensor

from vae_lab.training.feed import Feed
from vae_lab.training.step import Examples

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
        cuda_graphs: whether steps are captured and replayed; ``auto`` for where they can be.
    """

    accumulate_grad_batches: int = 1
    gradient_clip_val: float | None = None
    gradient_clip_algorithm: str | None = None
    steps_per_execution: int | Literal["auto"] = "auto"
    cuda_graphs: bool | Literal["auto"] = "auto"


class Execution:
    """The batches that one call of ``training_step`` trains on.

    Lightning hands over the first one. The following ones are fetched here and counted as Lightning
    counts them, so that its progress, checkpoints and limits remain those of single batches.

    Args:
        trainer: in the middle of ``fit``.
        stepping: how steps are taken.
        seed: sets the random state of the batch that follows so many of the epoch.

    Attributes:
        taken: batches that the call in progress has taken, or the last one.
        begins_step: whether the batch in progress is the first of a step.
        ends_step: whether the batch in progress is the last of a step.
    """

    def __init__(
        self, trainer: pl.Trainer, stepping: Stepping, seed: Callable[[int], None]
    ) -> None:
        self._trainer = trainer
        self._accumulate = stepping.accumulate_grad_batches
        self._loop = cast(Any, trainer.fit_loop.epoch_loop)
        self._steps = self._loop.manual_optimization.optim_step_progress
        self._most = 1 if watches_batches(trainer) else stepping.steps_per_execution
        self._seed = seed
        self._is_told_to_pause = False
        self.taken = 0
        self.begins_step = self.ends_step = True
        self._owed = False  # whether Lightning has counted a step that was not taken

    @property
    def steps_done(self) -> int:
        """How many steps the optimiser has taken: ``trainer.global_step``, sooner found."""
        return self._steps.total.completed

    def count_step(self) -> None:
        """Count a step of the optimiser as Lightning does."""
        self._steps.increment_ready()
        self._steps.increment_completed()

    def pause(self) -> None:
        """Hand back to Lightning after the step in progress."""
        self._is_told_to_pause = True

    @property
    def takes_one(self) -> bool:
        """Whether a call takes one batch."""
        return self._most == 1

    def batches(
        self, batch: Examples, feed: Feed | None, is_raw: bool
    ) -> Iterator[Tensor | Examples]:
        """Yield ``batch`` and, each once the one before is trained on, those that follow.

        Their random state is set.

        Args:
            batch: the first one.
            feed: gives those that follow; None to ask Lightning for them.
            is_raw: whether batches are yielded as ``feed`` fetches them, and not as examples.
        """
        began, steps = time.perf_counter(), 0
        ready = self._loop.batch_progress.current.ready
        following = self._again(feed, ready) if feed is not None and is_raw else batch
        self._is_told_to_pause = False
        self._loop._batches_that_stepped -= self._owed
        progress = self._loop.batch_progress
        self._validates_within_epoch = _validates_within_epoch(self._trainer)
        self.taken = 0
        while True:
            self.taken += 1
            ready = progress.current.ready
            self.begins_step = (ready - 1) % self._accumulate == 0
            is_last = self._loop._num_ready_batches_reached()
            self.ends_step = is_last or ready % self._accumulate == 0
            yield following
            steps += self.ends_step
            if self._ends_here(steps, is_last, began):
                self._owed = not self.ends_step
                return
            self._loop._batches_that_stepped += self.ends_step
            progress.increment_processed()
            progress.increment_completed()
            following = self._next(feed, is_raw)

    def _ends_here(self, steps: int, is_last: bool, began: float) -> bool:
        trainer, loop = self._trainer, self._loop
        if self._most == 1:
            return True
        may_validate = self._validates_within_epoch or trainer.should_stop
        if may_validate and loop._should_check_val_fx(trainer.fit_loop._data_fetcher):
            return True
        if not self.ends_step:
            return False
        every_n_steps, done = cast(Any, trainer).log_every_n_steps, self.steps_done
        return (
            is_last
            or steps == self._most
            or time.perf_counter() - began > SECONDS
            or self._is_told_to_pause
            or cast(Any, trainer).received_sigterm
            or trainer.should_stop
            or 0 <= trainer.max_steps <= done
            or (every_n_steps > 0 and done % every_n_steps == 0)
        )

    def _again(self, feed: Feed, ready: int) -> Tensor:
        self._seed(ready - 1)
        return feed.last()

    def _next(self, feed: Feed | None, is_raw: bool) -> Tensor | Examples:
        """Fetch the next batch as Lightning's epoch loop does."""
        trainer, progress = self._trainer, self._loop.batch_progress
        fetcher = cast(Any, trainer.fit_loop._data_fetcher)
        if feed is None:
            batch, _, _ = next(fetcher)
            batch = trainer.precision_plugin.convert_input(batch)
            batch = trainer.lightning_module._on_before_batch_transfer(batch, dataloader_idx=0)
            following = trainer.strategy.batch_to_device(batch, dataloader_idx=0)
        else:
            self._seed(progress.current.ready)
            raw = feed.next(fetcher)
            following = raw if is_raw else feed.examples(raw)
        progress.is_last_batch = fetcher.done
        progress.increment_ready()
        progress.increment_started()
        return following


def _validates_within_epoch(trainer: pl.Trainer) -> bool:
    of_trainer = cast(Any, trainer)
    is_timed = of_trainer._val_check_time_interval is not None
    return is_timed or of_trainer.val_check_batch != trainer.num_training_batches


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
