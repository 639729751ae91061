"""Callbacks that make something go wrong at a chosen step, or record what happened."""

import os
import resource
import signal
import time
from contextlib import suppress
from functools import partialmethod
from pathlib import Path

import hydra.experimental.callback
import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Timer

from vae_lab.runs.rundir import RunDir
from vae_lab.training.checkpoints import checkpoints_of

KIBIBYTE = 1024
BLOCK = 4096  # bytes
MOST_BLOCKS = 2048


class Signal(pl.Callback):
    """Sends a signal to the process in the middle of training step ``step``, or at the end.

    All checkpoints are written by then.

    Args:
        name: of the signal.
        step: counted from 0; the number of all steps is the end of training.
        rank: of the process; without one all send it, as a terminal does.
        job: part of the name of the run directory, to choose among the jobs of a sweep.
        once: a file that keeps in mind that it has happened.
    """

    def __init__(
        self, name: str, step: int, rank: int | None = None, job: str = "", once: str = ""
    ) -> None:
        self.number = signal.Signals[name]
        self.step = step
        self.rank = rank
        self.job = job
        self.once = once

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        self._send(trainer)

    def on_train_end(self, trainer, pl_module) -> None:
        self._send(trainer)

    def _send(self, trainer) -> None:
        is_here = trainer.global_step == self.step and is_job(trainer, self.job)
        is_mine = self.rank in (None, trainer.global_rank)
        if is_here and is_mine and is_first_time(self.once):
            checkpoints_of(trainer).wait()
            os.kill(os.getpid(), self.number)


class KillWhenRenaming(pl.Callback):
    """Kills the process in epoch ``epoch`` when a file called ``file`` is to be renamed.

    Half of what was written into a ``.part`` is lost then.

    Args:
        file: name of the file, or a pattern of it: the middle of a ``.part`` is random.
        epoch: counted from 0.
        once: a file that keeps in mind that it has happened.
    """

    def __init__(self, file: str, epoch: int, once: str) -> None:
        self.file = file
        self.epoch = epoch
        self.once = once

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        if trainer.current_epoch == self.epoch and is_first_time(self.once):
            Path.replace = partialmethod(_kill_or_rename, self.file)


def _kill_or_rename(path: Path, file: str, target: Path) -> None:
    if path.match(file):
        if path.suffix == ".part":
            os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    path.rename(target)


def is_job(trainer: pl.Trainer, part: str) -> bool:
    """Tell whether the name of the run directory has this part."""
    return part in Path(trainer.default_root_dir).name


def is_first_time(once: str) -> bool:
    """Tell whether this has not happened yet; without a name it never has."""
    if not once:
        return True
    is_first = not Path(once).exists()
    Path(once).touch()
    return is_first


class BreakWeights(pl.Callback):
    """Makes the weights NaN before training step ``step``; ``job`` and ``once`` as above."""

    def __init__(self, step: int, job: str = "", once: str = "") -> None:
        self.step = step
        self.job = job
        self.once = once

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        is_here = trainer.global_step == self.step and is_job(trainer, self.job)
        if is_here and is_first_time(self.once):
            next(pl_module.parameters()).data.fill_(torch.nan)


class RecordImages(pl.Callback):
    """Appends the number of every training image (its first pixel) to a file of its process."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        numbers = (batch[0][:, 0, 0, 0] * 255).round().int().tolist()
        with (self.folder / f"rank_{trainer.global_rank}.txt").open("a") as file:
            file.writelines(f"{trainer.current_epoch} {number}\n" for number in numbers)


class Slow(pl.Callback):
    """Sleeps before every training step.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        time.sleep(self.seconds)


class OutOfTime(Timer):
    """A clock that runs out after a batch instead of a time, as ``trainer.max_time`` has one.

    Args:
        batch: counted from 1.
    """

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, trainer, *args, **kwargs) -> None:
        if trainer.fit_loop.epoch_loop.batch_progress.total.ready >= self.batch:
            trainer.should_stop = True


class FillDisk(pl.Callback):
    """Leaves no room for files, in the middle of an epoch.

    Args:
        epoch: counted from 0.
        filler: a file on the disk in question, which takes all the room.
        largest: bytes that a file of this process may have, if there is no filler.
    """

    def __init__(self, epoch: int, filler: str | None = None, largest: int = 0) -> None:
        self.epoch = epoch
        self.filler = filler
        self.largest = largest

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if (trainer.current_epoch, batch_idx) != (self.epoch, 1):
            return
        checkpoints_of(trainer).wait()
        if self.filler is None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest, self.largest))
            return
        with suppress(OSError), Path(self.filler).open("wb", buffering=0) as file:
            for _ in range(MOST_BLOCKS):  # should the disk be larger than was thought
                file.write(bytes(BLOCK))


class RecordResults(hydra.experimental.callback.Callback):
    """Writes what each job of a sweep returned, and the memory taken so far, into ``results.txt``.

    In bytes, of the process at its largest.
    """

    def on_job_end(self, config, job_return, **kwargs) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
        with Path("results.txt").open("a", encoding="utf-8") as file:
            file.write(f"{config.latent_dim} {job_return.return_value} {memory}\n")


class HoldLock(pl.Callback):
    """Locks ``folder``/<rank> for as long as the process lives.

    Args:
        folder: where the locks lie.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_start(self, trainer, pl_module) -> None:
        self.lock = RunDir(self.folder / str(trainer.global_rank)).lock()
        self.lock.__enter__()


class StopSweep(pl.Callback):
    """Tells the parent of the first process to stop, in the middle of training step ``step``.

    Args:
        step: counted from 0.
        once: a file that keeps in mind that it has happened.
    """

    def __init__(self, step: int, once: str) -> None:
        self.step = step
        self.once = once

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        is_here = trainer.global_step == self.step and trainer.is_global_zero
        if is_here and is_first_time(self.once):
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(1)
