"""What everything that shows a model shares: when, on which images, and where it goes."""

import io
from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar, Union, cast

import lightning.pytorch as pl
import torch
from PIL import Image
from torch import Tensor

from vae_lab.checks import Size, checked
from vae_lab.evaluation.metrics import metric
from vae_lab.model.contract import Model
from vae_lab.runs.rundir import RunDir
from vae_lab.training.callbacks.averaged_weights import shown_weights
from vae_lab.training.loggers import TensorBoard

NOISE_SEED = 0

Period = Union[Size, Literal["auto"], None]  # noqa: UP007 - pyright knows no | of Annotated

Drawn = TypeVar("Drawn")


@checked
class Exhibit(pl.Callback, Generic[Drawn]):
    """Shows the model every ``every_n_epochs`` and at the end of training.

    It always shows the same images and uses the same noise, so that epochs can be compared.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one time to the next; ``auto`` for as few as there is time for;
            None for the end of training alone.
        num_images: how many of the data module's examples are shown.

    Attributes:
        name: its name in TensorBoard and in the run directory.
        description: what one sees there and how to read it, in Markdown.
        class_names: what the labels are called, known while drawing.
        epochs_done: how many epochs of training were done when it was last shown.
        has_time: whether it may be shown now if it is shown every ``auto`` epochs.

    Raises:
        ValueError: if ``every_n_epochs`` or ``num_images`` is less than 1.
    """

    name: str
    description: str
    class_names: Sequence[str]

    def __init__(self, run_dir: str, every_n_epochs: Period, num_images: Size) -> None:
        self.run = RunDir(run_dir)
        self.every_n_epochs = every_n_epochs
        self.num_images = num_images
        self.epochs_done = 0
        self.has_time = True

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
        """Show the model if it is due; after the last epoch, ``on_train_end`` does."""
        epoch = trainer.current_epoch + 1
        if self._is_due(epoch) and epoch != trainer.max_epochs:
            self._show(trainer, pl_module, epoch)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the trained model, unless training stopped early after an epoch that was shown."""
        if self.epochs_done != trainer.current_epoch or not self.epochs_done:
            self._show(trainer, pl_module, trainer.current_epoch)

    def _is_due(self, epoch: int) -> bool:
        every = self.every_n_epochs
        return self.has_time if every == "auto" else isinstance(every, int) and epoch % every == 0

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
        self.class_names = datamodule.class_names
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


class PictureCallback(Exhibit[Image.Image]):
    """An exhibit that is a picture.

    It goes to TensorBoard, with its description, and, replacing the one before, to
    ``images/<name>.png``.
    """

    def scalars(self) -> dict[str, float]:
        """Return numbers found while drawing the last picture, to be logged beside it."""
        return {}

    def publish(self, drawn: Image.Image, trainer: pl.Trainer, step: int) -> None:
        """Write the picture to ``images/`` and TensorBoard, and the scalars to all loggers."""
        buffer = io.BytesIO()
        drawn.save(buffer, "PNG")
        self.run.write_picture(f"{self.name}.png", buffer.getvalue())
        for logger in tensorboards(trainer):
            logger.log_picture(
                f"images/{self.name}", buffer.getvalue(), drawn.size, self.description, step
            )
        if scalars := self.scalars():
            split = cast(Any, trainer).datamodule.example_split
            named = {f"{split}/{metric(name).name}": value for name, value in scalars.items()}
            for logger in trainer.loggers:
                logger.log_metrics(named | {"epoch": trainer.current_epoch}, step)


def tensorboards(trainer: pl.Trainer) -> list[TensorBoard]:
    """Return the TensorBoard loggers of a trainer."""
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoard)]
