"""Callbacks that make something go wrong at a chosen step, or record what happened."""

import os
import signal
from pathlib import Path

import lightning.pytorch as pl
import torch


class PressCtrlC(pl.Callback):
    """Sends SIGINT to the process in the middle of training step ``step``."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


class BreakWeights(pl.Callback):
    """Makes the weights NaN before training step ``step``."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step == self.step:
            next(pl_module.parameters()).data.fill_(torch.nan)


class RecordImages(pl.Callback):
    """Appends the number of every training image (its first pixel) to a file of its process."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        numbers = (batch[0][:, 0, 0, 0] * 255).round().int().tolist()
        with (self.folder / f"rank_{trainer.global_rank}.txt").open("a") as file:
            file.writelines(f"{trainer.current_epoch} {number}\n" for number in numbers)


class Preempt(pl.Callback):
    """Sends SIGUSR2 in the middle of step ``step``, as SLURM does before it stops a job."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGUSR2)
