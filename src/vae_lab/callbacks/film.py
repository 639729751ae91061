"""The latent space being learned, one frame per epoch."""

import io
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import (
    Summary,  # pyright: ignore[reportAttributeAccessIssue]  # made at run time by protobuf
)
from torch import Tensor

from vae_lab import plots
from vae_lab.callbacks.picture import PictureCallback
from vae_lab.vae import VAE

PLANE = 2


class Film(PictureCallback):
    """Keeps a frame per epoch in ``images/film/`` and joins them in ``images/film.gif``.

    With two latents a frame shows the posterior means, on fixed axes, beside the decoded plane;
    otherwise the same samples from the prior. A resumed run adds to the frames that lie there.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one frame to the next.
        num_images: posterior means shown, or the number of samples.
        size: decoded points per axis of the plane.
        extent: half the width of both axes.
        seconds_per_frame: how long each frame is shown.

    Raises:
        ValueError: if a number is less than 1.
    """

    name = "film"

    def __init__(
        self,
        run_dir: str,
        every_n_epochs: int,
        num_images: int,
        size: int,
        extent: float,
        seconds_per_frame: float,
    ) -> None:
        super().__init__(run_dir, every_n_epochs, num_images)
        self.extent = extent
        self.coordinates = plots.plane_coordinates(size, "linear", extent)
        self.seconds_per_frame = seconds_per_frame

    def draw(self, model: VAE, images: Tensor, labels: Tensor) -> Image.Image:
        """Draw one frame."""
        if model.latent_dim != PLANE:
            count = len(self.coordinates) ** 2
            return plots.image_grid(model.sample(count), "Samples: z from the prior, decoded")
        means = model.encode(images).mean
        scatter = plots.latent_scatter(means, labels, "Posterior means", limit=self.extent)
        grid = plots.plane_grid(self.coordinates).to(images)
        decoded = model.decode(grid).mean
        return plots.beside(
            scatter, plots.manifold(decoded, self.coordinates, "The latent plane, decoded")
        )

    def publish(self, picture: Image.Image, trainer: pl.Trainer, step: int) -> None:
        """Keep the frame, and write the film so far."""
        frames = self.folder / self.name
        frames.mkdir(parents=True, exist_ok=True)
        picture.resize((picture.width // 2, picture.height // 2)).save(
            frames / f"step_{step:08d}.png"
        )
        film = self._join(sorted(frames.glob("step_*.png")))
        (self.folder / f"{self.name}.gif").write_bytes(film)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the last frame and send the film to TensorBoard."""
        super().on_train_end(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        film = (self.folder / f"{self.name}.gif").read_bytes()
        width, height = Image.open(io.BytesIO(film)).size
        # add_video writes nothing without moviepy; TensorBoard shows a GIF as an image
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=film)
        summary = Summary(value=[Summary.Value(tag=f"images/{self.name}", image=image)])
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.file_writer.add_summary(summary, trainer.global_step - 1)

    def _join(self, paths: list[Path]) -> bytes:
        frames = [Image.open(path).quantize(256, Image.Quantize.FASTOCTREE) for path in paths]
        durations = [round(1000 * self.seconds_per_frame)] * len(frames)
        durations[-1] *= 5
        buffer = io.BytesIO()
        frames[0].save(
            buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
        )
        return buffer.getvalue()
