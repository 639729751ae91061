"""What the terminal shows while a model trains."""

import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vae_lab.evaluation.metrics import METRICS
from vae_lab.runs import terminal
from vae_lab.training.callbacks.stopwatch import Stopwatch

HEADLINES = [name for metric in METRICS if metric.is_headline for name in metric.names]
REFRESH_SECONDS = 0.25


class TrainingProgress(ProgressBar):
    """A bar for the epoch in progress, and one line for each epoch that is done.

    The bar is drawn four times a second, whatever the number of steps, and only on a terminal; the
    lines go to a log file as well. Lightning's own Rich bar does its work at every step.
    """

    def __init__(self) -> None:
        super().__init__()
        self._console = terminal.console()
        self._validated_in = -1
        self._bar: Progress | None = None
        self._task: Any = None
        self._drawn_at = 0.0
        self._epoch_began = 0.0

    def disable(self) -> None:
        """Show nothing: Lightning calls this on every process but the first."""
        self._console.quiet = True

    def enable(self) -> None:
        """Show what there is: Lightning's BatchSizeFinder calls this after it has disabled it."""
        self._console.quiet = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember in which epoch the metrics of validation are news."""
        self._validated_in = trainer.current_epoch

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a bar: for an epoch resumed in its middle, on_train_epoch_start is not called."""
        self._begin_epoch(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the bar of this epoch."""
        self._begin_epoch(trainer)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Move the bar, at most four times a second."""
        if time.perf_counter() - self._drawn_at > REFRESH_SECONDS:
            self._move(batch_idx + 1, self._status(trainer))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the bar by a line."""
        self._end()
        seconds = time.perf_counter() - self._epoch_began
        splits = ("train", "val") if self._validated_in == trainer.current_epoch else ("train",)
        self._console.print(
            f"epoch {trainer.current_epoch + 1:>3}/{trainer.max_epochs}  "
            f"{self._status(trainer, splits)}  {seconds:.1f} s",
            highlight=False,
            soft_wrap=True,
        )

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the bar of testing."""
        self._begin("test", sum(trainer.num_test_batches))

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Move the bar."""
        self._move(batch_idx + 1, "")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the terminal clean, after an interruption too."""
        self._end()

    def _status(self, trainer: pl.Trainer, splits: Sequence[str] = ("train", "val")) -> str:
        """Return the newest metrics of the splits, as far as they are known."""
        metrics = trainer.logged_metrics
        known = {
            split: [name for name in HEADLINES if f"{split}/{name}" in metrics] for split in splits
        }
        shown = [
            f"{split} {names[0]} {metrics[f'{split}/{names[0]}']:.2f}"
            for split, names in known.items()
            if names
        ]
        callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        speeds = [c.images_per_second for c in callbacks if isinstance(c, Stopwatch)]
        return "  ".join(shown + [f"{speed:,.0f} images/s" for speed in speeds])

    def _begin_epoch(self, trainer: pl.Trainer) -> None:
        self._epoch_began = time.perf_counter()
        total = trainer.num_training_batches
        self._begin(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", total)

    def _begin(self, description: str, total: float) -> None:
        self._end()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
            console=self._console,
            auto_refresh=False,
            transient=True,
            disable=self._console.quiet or not self._console.is_terminal,
        )
        self._bar.start()
        self._task = self._bar.add_task(description, total=total, status="")

    def _move(self, completed: int, status: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=completed, status=status, refresh=True)
        self._drawn_at = time.perf_counter()

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
