"""What everything that shows a model shares: when, on which images, and without leaving traces."""

from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import lightning.pytorch as pl
import torch
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.training.callbacks.averaged_weights import shown_weights
from vae_lab.training.loggers import TensorBoard

NOISE_SEED = 0

Drawn = TypeVar("Drawn")


class Exhibit(pl.Callback, Generic[Drawn]):
    """Shows the model every ``every_n_epochs`` and at the end of training.

    It always shows the same images and uses the same noise, so that epochs can be compared.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one time to the next, or None for the end of training alone.
        num_images: how many of the data module's examples are shown.

    Attributes:
        name: under which it stands in TensorBoard and in the run directory.
        description: what one sees there and how to read it, in Markdown.
        epochs_done: of training, when it was last shown.

    Raises:
        ValueError: if ``every_n_epochs`` or ``num_images`` is less than 1.
    """

    name: str
    description: str

    def __init__(self, run_dir: str, every_n_epochs: int | None, num_images: int) -> None:
        for option, value in (("every_n_epochs", every_n_epochs), ("num_images", num_images)):
            if value is not None and value < 1:
                raise ValueError(f"{option} must be at least 1, got {value}")
        self.folder = Path(run_dir) / "images"
        self.every_n_epochs = every_n_epochs
        self.num_images = num_images
        self.epochs_done = 0

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Drawn | None:
        """Return what there is to show, or None if this model has no such thing.

        Args:
            model: in evaluation mode, on its device; no gradients are recorded.
            images: the examples, (N, C, H, W), on the same device.
            labels: their classes, (N,).
        """
        raise NotImplementedError

    def publish(self, drawn: Drawn, trainer: pl.Trainer, step: int) -> None:
        """Put what was drawn after training step ``step`` where it is seen."""
        raise NotImplementedError

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show if it is due; the last epoch follows at the end of training."""
        epoch = trainer.current_epoch + 1
        is_due = self.every_n_epochs is not None and epoch % self.every_n_epochs == 0
        if is_due and epoch != trainer.max_epochs:
            self._show(trainer, pl_module, epoch)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the trained model, unless training has ended early where it was just shown."""
        if self.epochs_done != trainer.current_epoch or not self.epochs_done:
            self._show(trainer, pl_module, trainer.current_epoch)

    def _show(self, trainer: pl.Trainer, pl_module: pl.LightningModule, epochs_done: int) -> None:
        if not trainer.is_global_zero:
            return
        self.epochs_done = epochs_done
        drawn = self._draw_without_traces(trainer, pl_module)
        if drawn is not None:
            # the number of the last step done, as Lightning counts when it logs metrics
            self.publish(drawn, trainer, trainer.global_step - 1)

    def _draw_without_traces(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> Drawn | None:
        """Draw with fixed noise; leave random state and training mode as they were."""
        model = cast(Model, pl_module.model)
        datamodule = cast(Any, trainer).datamodule
        images, labels = datamodule.examples(self.num_images)
        was_training = model.training
        model.eval()
        try:
            devices = [pl_module.device] if pl_module.device.type == "cuda" else []
            weights = shown_weights(trainer, pl_module)
            with weights, torch.no_grad(), torch.random.fork_rng(devices):
                torch.manual_seed(NOISE_SEED)
                return self.draw(model, images.to(pl_module.device, pl_module.dtype), labels)
        finally:
            model.train(was_training)


def tensorboards(trainer: pl.Trainer) -> list[TensorBoard]:
    """Return the TensorBoard loggers of a trainer."""
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoard)]
