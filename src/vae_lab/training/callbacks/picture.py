"""What every picture shares: where it goes."""

import io
from typing import Any, cast

import lightning.pytorch as pl
from PIL import Image

from vae_lab.training.callbacks.exhibit import Exhibit, tensorboards


class PictureCallback(Exhibit[Image.Image]):
    """An exhibit that is a picture.

    It goes to TensorBoard, with its description, and, replacing the one before, to
    ``images/<name>.png``.
    """

    def scalars(self) -> dict[str, float]:
        """Return numbers found while drawing the last picture, to be logged beside it."""
        return {}

    def publish(self, drawn: Image.Image, trainer: pl.Trainer, step: int) -> None:
        """Write the picture to ``images/`` and TensorBoard, and what was found beside it."""
        buffer = io.BytesIO()
        drawn.save(buffer, "PNG")
        self.run.write_picture(f"{self.name}.png", buffer.getvalue())
        for logger in tensorboards(trainer):
            logger.log_picture(
                f"images/{self.name}", buffer.getvalue(), drawn.size, self.description, step
            )
        if scalars := self.scalars():
            split = cast(Any, trainer).datamodule.example_split
            named = {f"{split}/{name}": value for name, value in scalars.items()}
            for logger in trainer.loggers:
                logger.log_metrics(named | {"epoch": trainer.current_epoch}, step)
