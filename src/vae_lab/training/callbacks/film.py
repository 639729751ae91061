"""The latent space being learned, one frame per epoch."""

import io

import lightning.pytorch as pl
from PIL import Image
from torch import Tensor

from vae_lab.checks import GridSize, Positive, Size, checked
from vae_lab.model.contract import Model
from vae_lab.pictures import films, journeys, plots
from vae_lab.training.callbacks.exhibit import Exhibit, Period, tensorboards
from vae_lab.training.callbacks.latent_space import codes_name, is_plane


@checked
class LearningFilm(Exhibit[Image.Image]):
    """Keeps a frame per epoch in ``images/film/`` and joins them in ``images/film.gif``.

    With two latents a frame shows the codes beside the decoded plane, on axes that stay as they are
    unless the codes outgrow them; otherwise the same samples from the prior or, of an autoencoder,
    which learns none, the same reconstructions. A resumed run adds to the frames that lie there.

    The film so far is joined, and sent to TensorBoard, each time its length has doubled and at the
    end of training. All of it costs less than three times the last joining.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one frame to the next.
        num_images: codes shown.
        size: decoded points per axis of the plane; its square is the number of samples.
        extent: half the width of both axes, at least.

    Raises:
        ValueError: if a number is less than 1.
    """

    name = "film"
    description = (
        "The film of the epochs so far. With two latents: on the left, **where the encoder puts "
        "validation images**, coloured by class; on the right, **what the decoder makes of each "
        "point** of the same square. Otherwise: the same samples of the prior at every epoch, or "
        "an autoencoder's reconstructions of the same images."
    )

    def __init__(
        self,
        run_dir: str,
        every_n_epochs: Period,
        num_images: Size,
        size: GridSize,
        extent: Positive,
    ) -> None:
        super().__init__(run_dir, every_n_epochs, num_images)
        self.extent = extent
        self.size = size
        self._joined = 0  # how many frames the film had when it was last joined

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Draw one frame."""
        epoch = f"Epoch {self.epochs_done}"
        if not is_plane(model):
            count = self.size**2
            if model.posterior.is_point_mass:
                return plots.image_grid(
                    model.reconstruct(images[:count], labels[:count]), f"{epoch}: reconstructions"
                )
            return plots.image_grid(
                model.sample(count, labels=model.labels_in_turn(count)),
                f"{epoch}: samples, z from the prior",
            )
        codes = model.encode(images, labels).mean
        self.extent = journeys.reach(codes, self.extent)
        scatter = plots.latent_scatter(
            codes, labels, f"{epoch}: {codes_name(model)}", self.extent,
            class_names=self.class_names,
        )  # fmt: skip
        coordinates = plots.plane_coordinates(self.size, "linear", self.extent)
        decoded = model.decode(plots.plane_grid(coordinates).to(images), labels[0]).mean
        seen_as = f", as {model.class_names[int(labels[0])]}" if model.class_names else ""
        plane = plots.manifold(decoded, coordinates, f"The latent plane, decoded{seen_as}")
        return plots.beside(scatter, plane)

    def publish(self, drawn: Image.Image, trainer: pl.Trainer, step: int) -> None:
        """Keep the frame, and show the film if its length has doubled."""
        buffer = io.BytesIO()
        drawn.resize((drawn.width // 2, drawn.height // 2)).save(buffer, "PNG")
        count = self.run.write_frame(step, buffer.getvalue())
        if count & (count - 1) == 0:
            self._join(trainer, step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the last frame, and show the whole film."""
        super().on_train_end(trainer, pl_module)
        if trainer.is_global_zero:
            self._join(trainer, trainer.global_step - 1)

    def _join(self, trainer: pl.Trainer, step: int) -> None:
        film = films.learning(self.run.frames())
        if len(film.frames) == self._joined:
            return
        self._joined = len(film.frames)
        encoded = film.gif()
        self.run.write_picture(f"{self.name}.gif", encoded)
        for logger in tensorboards(trainer):
            logger.log_picture(
                f"images/{self.name}", encoded, film.frames[0].size, self.description, step
            )
