"""What every picture callback shares: when to draw, on which images, and where the result goes."""

from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from torch import Tensor

from vae_lab.vae import VAE

NOISE_SEED = 0


class PictureCallback(pl.Callback):
    """Draws one picture every ``every_n_epochs`` and at the end of training.

    The picture goes to TensorBoard and, replacing the one before, to ``images/<name>.png``. All
    pictures show the same images and use the same noise, so that epochs can be compared.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one picture to the next.
        num_images: how many of the data module's examples are shown.

    Raises:
        ValueError: if ``every_n_epochs`` or ``num_images`` is less than 1.
    """

    name: str

    def __init__(self, run_dir: str, every_n_epochs: int, num_images: int) -> None:
        for option, value in (("every_n_epochs", every_n_epochs), ("num_images", num_images)):
            if value < 1:
                raise ValueError(f"{option} must be at least 1, got {value}")
        self.folder = Path(run_dir) / "images"
        self.every_n_epochs = every_n_epochs
        self.num_images = num_images

    def draw(self, model: VAE, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Return the picture, or None if this model has no such picture.

        Args:
            model: in evaluation mode, on its device; no gradients are recorded.
            images: the examples, (N, C, H, W), on the same device.
            labels: their classes, (N,).
        """
        raise NotImplementedError

    def scalars(self) -> dict[str, float]:
        """Return numbers found while drawing the last picture, to be logged beside it."""
        return {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw if it is due; the last epoch's picture follows at the end of training."""
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs == 0 and epoch != trainer.max_epochs:
            self._publish(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the final picture."""
        self._publish(trainer, pl_module)

    def _publish(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        picture = self._draw_without_traces(trainer, pl_module)
        if picture is None:
            return
        # the number of the last step done, as Lightning counts when it logs metrics
        self.publish(picture, trainer, trainer.global_step - 1)

    def publish(self, picture: Image.Image, trainer: pl.Trainer, step: int) -> None:
        """Write the picture to ``images/`` and TensorBoard, and what was found beside it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        picture.save(self.folder / f"{self.name}.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                pixels = np.asarray(picture)
                tag = f"images/{self.name}"
                logger.experiment.add_image(tag, pixels, step, dataformats="HWC")
            if scalars := self.scalars():
                split = cast(Any, trainer).datamodule.example_split
                named = {f"{split}/{name}": value for name, value in scalars.items()}
                logger.log_metrics(named | {"epoch": trainer.current_epoch}, step)

    def _draw_without_traces(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> Image.Image | None:
        """Draw with fixed noise; leave random state and training mode as they were."""
        model = cast(VAE, pl_module.model)
        datamodule = cast(Any, trainer).datamodule
        images, labels = datamodule.examples(self.num_images)
        was_training = model.training
        model.eval()
        try:
            devices = [pl_module.device] if pl_module.device.type == "cuda" else []
            with torch.no_grad(), torch.random.fork_rng(devices):
                torch.manual_seed(NOISE_SEED)
                return self.draw(model, images.to(pl_module.device, pl_module.dtype), labels)
        finally:
            model.train(was_training)
