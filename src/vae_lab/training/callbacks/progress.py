"""What the terminal shows while a model trains."""

import multiprocessing
import sys
import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from vae_lab.evaluation.metrics import METRICS
from vae_lab.runs import sweeps, terminal
from vae_lab.runs.durations import show_seconds
from vae_lab.runs.rundir import RunDir
from vae_lab.training.callbacks.stopwatch import Stopwatch
from vae_lab.training.execution import batches_done
from vae_lab.training.module import VAEModule
from vae_lab.training.time_left import TimeLeft

HEADLINES = [name for metric in METRICS if metric.is_headline for name in metric.names]
REFRESH_SECONDS = 0.25
BAR = 6  # the part of the line that it takes is one in so many
MARGIN = 3  # kept free at the right, where the terminal writes ^C


class TrainingProgress(ProgressBar):
    """A bar for the epoch in progress, and one line for each epoch that is done.

    The bar is drawn four times a second, whatever the number of steps, and only on a terminal; the
    lines go to a log file as well. Lightning's own Rich bar does its work at every step. Where a
    sweep runs several jobs at once there is no bar, and in a sweep each line names its job.
    """

    def __init__(self) -> None:
        super().__init__()
        self._console = terminal.console()
        self._validated_in = -1
        self._bar: Progress | None = None
        self._task: Any = None
        self._width = 0
        self._bar_began = self._drawn_at = 0.0
        self._time = TimeLeft()

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
        assert isinstance(pl_module, VAEModule)
        self._time.count_batches(pl_module.execution.taken)
        if time.perf_counter() - self._drawn_at > REFRESH_SECONDS:
            done = batches_done(trainer)
            ends = f"ends in {show_seconds(self._time.of_epoch(trainer, done))}"
            run = self._time.of_run(trainer, done)
            ends += "" if run is None else f", run in {show_seconds(run)}"
            self._move(done, [(0, ends), *_metrics(trainer), (3, _speed(trainer))])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the bar by a line."""
        self._end()
        splits = ("train", "val") if self._validated_in == trainer.current_epoch else ("train",)
        took = f"{self._time.elapsed:.1f} s"
        metrics = _metrics(trainer, splits)
        self._say(trainer, _name(trainer, 3), *metrics, (1, took), (3, _speed(trainer)))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say what is tested, and begin a bar."""
        samples = f", K = {pl_module.nll_samples}" if pl_module.estimates_nll else ""
        self._say(trainer, f"testing: {_tested_images(trainer):,} images{samples}")
        self._begin("testing", sum(map(int, trainer.num_test_batches)))

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
        elapsed, done = time.perf_counter() - self._bar_began, batch_idx + 1
        left = elapsed / done * (sum(map(int, trainer.num_test_batches)) - done)
        self._move(done, [(0, f"ends in {show_seconds(left)}")])

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal clean after an interruption."""
        self._end()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the terminal clean."""
        self._end()

    def _say(self, trainer: pl.Trainer, *parts: tuple[int, str] | str) -> None:
        """Print a line that stays, as much of it as fits on a terminal."""
        run = RunDir(trainer.default_root_dir)
        job = [sweeps.job_label(run)] if sweeps.is_sweep() else []
        ranked = [(0, part) if isinstance(part, str) else part for part in (*job, *parts)]
        is_terminal = self._console.is_terminal
        line = terminal.fitted(ranked, self._console.width if is_terminal else sys.maxsize)
        self._console.print(line, highlight=False, markup=False, soft_wrap=not is_terminal)

    def _begin_epoch(self, trainer: pl.Trainer) -> None:
        self._time.begin_epoch(trainer)
        self._begin(_name(trainer), trainer.num_training_batches)

    def _begin(self, description: str, total: float) -> None:
        self._end()
        self._width = self._console.width // BAR
        self._bar = Progress(
            *(
                TextColumn("{task.description}", markup=False),
                BarColumn(self._width),
                MofNCompleteColumn(),
            ),
            TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stderr=sys.stderr.isatty(),
            disable=self._console.quiet or not self._console.is_terminal or is_one_of_many(),
        )
        self._bar.start()
        self._task = self._bar.add_task(description, total=total, status="")
        self._bar_began = time.perf_counter()

    def _move(self, completed: int, parts: Sequence[tuple[int, str]]) -> None:
        if self._bar is not None:
            task = self._bar.tasks[0]
            taken = f"{task.description} {'':{self._width}} {task.total}/{task.total} "
            status = terminal.fitted(parts, self._console.width - MARGIN - len(taken))
            self._bar.update(self._task, completed=completed, status=status, refresh=True)
        self._drawn_at = time.perf_counter()

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def is_one_of_many() -> bool:
    """Tell whether this process may share the terminal with others like it."""
    return multiprocessing.parent_process() is not None


def _name(trainer: pl.Trainer, digits: int = 1) -> str:
    """Return which epoch it is, of how many."""
    epochs = trainer.max_epochs
    of_all = "" if epochs is None or epochs < 0 else f"/{epochs}"
    return f"epoch {trainer.current_epoch + 1:>{digits}}{of_all}"


def _metrics(
    trainer: pl.Trainer, splits: Sequence[str] = ("train", "val")
) -> list[tuple[int, str]]:
    """Return the newest metrics of the splits, as far as they are known, that of training last."""
    metrics, shown = trainer.logged_metrics, []
    for split in splits:
        names = [name for name in HEADLINES if f"{split}/{name}" in metrics]
        if names:
            text = f"{split} {names[0]} {metrics[f'{split}/{names[0]}']:.2f}"
            shown.append((2 if split == "train" else 1, text))
    return shown


def _speed(trainer: pl.Trainer) -> str:
    callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    return (
        f"{next(c.images_per_second for c in callbacks if isinstance(c, Stopwatch)):,.0f} images/s"
    )


def _tested_images(trainer: pl.Trainer) -> int:
    data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
    loader: Any = trainer.test_dataloaders
    images, batches = len(data.splits["test"]), sum(map(int, trainer.num_test_batches))
    per_batch = data.images_scored(trainer.world_size) * trainer.world_size
    return images if batches == len(loader) else batches * per_batch
