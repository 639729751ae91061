"""How long training took, validation and pictures left out."""

import time
from typing import Any

import lightning.pytorch as pl
import torch

from vae_lab.training.module import VAEModule


class Stopwatch(pl.Callback):
    """Counts training images and seconds; logs ``train/images_per_second`` every epoch."""

    def __init__(self) -> None:
        self.images = 0
        self.seconds = 0.0
        self._images_before = 0
        self._counted = 0
        self._seconds_before = 0.0
        self._since: float | None = None

    @property
    def images_per_second(self) -> float:
        """Images per second since the epoch began, over all processes."""
        images, seconds = self.images - self._images_before, self.elapsed - self._seconds_before
        return images / seconds if seconds else 0.0

    @property
    def elapsed(self) -> float:
        """Training seconds, those of the stretch in progress included."""
        running = 0.0 if self._since is None else time.perf_counter() - self._since
        return self.seconds + running

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start: for an epoch resumed in its middle, on_train_epoch_start is not called."""
        self._restart()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start."""
        self._restart()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Count the images; stop after the last batch, before validation."""
        assert isinstance(pl_module, VAEModule)
        self.images += (pl_module.running.images - self._counted) * trainer.world_size
        self._counted = pl_module.running.images
        if trainer.is_last_batch:
            if pl_module.device.type == "cuda":  # which may lag behind
                torch.cuda.synchronize(pl_module.device)
            self._pause()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the speed of the epoch."""
        self._pause()
        pl_module.log("train/images_per_second", self.images_per_second, sync_dist=True)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Stop."""
        self._pause()

    def state_dict(self) -> dict[str, Any]:
        """Return the totals, which a resumed run goes on with."""
        return {"images": self.images, "seconds": self.elapsed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the totals of the run that is resumed."""
        self.images, self.seconds = state_dict["images"], state_dict["seconds"]

    def _restart(self) -> None:
        self._images_before, self._seconds_before = self.images, self.seconds
        self._since = time.perf_counter()

    def _pause(self) -> None:
        self.seconds, self._since = self.elapsed, None
