"""The plane of a two-dimensional latent space, decoded."""

from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.picture import PictureCallback

PLANE = 2


class Manifold(PictureCallback):
    """A ``size`` × ``size`` grid of E[x|z]; only for models with two latents.

    Kingma & Welling 2014, figure 4, arXiv:1312.6114.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one picture to the next.
        size: points per axis.
        spacing: ``linear`` over [−extent, extent], or ``quantile`` of the standard normal.
        extent: half the width of the linear range.

    Raises:
        ValueError: if ``spacing`` is neither, or a number is less than 1.
    """

    name = "manifold"
    description = (
        "**The latent plane, decoded** on a grid: neighbours look alike, and one digit turns into "
        "another without a break."
    )

    def __init__(
        self, run_dir: str, every_n_epochs: int, size: int, spacing: str, extent: float
    ) -> None:
        super().__init__(run_dir, every_n_epochs, num_images=size**2)
        self.spacing = spacing
        self.coordinates = plots.plane_coordinates(size, spacing, extent)

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the grid."""
        if model.latent_dim != PLANE:
            return None
        grid = plots.plane_grid(self.coordinates).to(images)
        title = f"The latent plane, decoded ({self.spacing} spacing)"
        return plots.manifold(model.decode(grid).mean, self.coordinates, title)
