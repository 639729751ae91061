"""Checkpoint files: written whole or not at all, beside the training."""

import io
import logging
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed
from lightning.fabric.plugins import TorchCheckpointIO

from vae_lab.files import write_atomically

logger = logging.getLogger(__name__)

MOST_WAITING = 3  # of an epoch: two checkpoints, held in memory, and the renaming after them


class AtomicCheckpoints(TorchCheckpointIO):
    """Replaces a checkpoint only once the new one lies on the disk.

    A checkpoint is copied into bytes at once, and written by a thread while training goes on, in
    the order of saving. What could not be written is an error at the next saving, or at ``wait``;
    nothing that was asked for later is done then. Several processes wait for the writing, for one
    another's sake.

    Lightning's ``AsyncCheckpointIO`` tells of an error one saving later, and goes on writing.
    """

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ANN401
    ) -> None:
        """Have ``checkpoint`` written to ``path``.

        Raises:
            OSError: if one before this cannot be written, as on a full disk; what lay there is
                intact.
        """
        self._look_back()
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        self.then(partial(write_atomically, Path(path), buffer.getvalue()))

    def then(self, act: Callable[[], object]) -> None:
        """Do something once all that was saved lies on the disk.

        Raises:
            OSError: if it is known by now that it cannot.
        """
        self._look_back()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1)
        before = self._waiting[-1] if self._waiting else None
        self._waiting.append(self._thread.submit(_act, act, before))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            self.wait()

    def wait(self) -> None:
        """Wait until all that was saved lies on the disk.

        Raises:
            OSError: if something cannot be written.
        """
        self._look_back(most_waiting=0)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Read a checkpoint, once it is written."""
        self.wait()
        return super().load_checkpoint(path, *args, **kwargs)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint, once those saved before this lie on the disk."""
        self.then(partial(super().remove_checkpoint, path))

    def teardown(self) -> None:
        """Wait for the last one, and end the thread; an error that ends training goes first."""
        is_failing = sys.exc_info()[0] is not None
        try:
            self.wait()
        except OSError as error:
            if not is_failing:
                raise
            logger.warning("a checkpoint could not be written: %s", error)
        finally:
            if self._thread is not None:
                self._thread.shutdown()
                self._thread = None

    def _look_back(self, most_waiting: int = MOST_WAITING - 1) -> None:
        try:
            while self._waiting and (self._waiting[0].done() or len(self._waiting) > most_waiting):
                self._waiting[0].result()
                self._waiting.popleft()
        except Exception:
            self._waiting.clear()  # nothing of it will be done
            raise


def _act(act: Callable[[], object], before: Future[None] | None) -> None:
    if before is not None:
        before.result()
    act()


def checkpoints_of(trainer: pl.Trainer) -> AtomicCheckpoints:
    """Return what writes the checkpoints of a trainer."""
    checkpoints = trainer.strategy.checkpoint_io
    assert isinstance(checkpoints, AtomicCheckpoints)
    return checkpoints
