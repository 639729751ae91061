"""Originals over reconstructions."""

from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.picture import PictureCallback


class Reconstructions(PictureCallback):
    """Two rows: images, and E[x|z] at their posterior means."""

    name = "reconstructions"
    description = (
        "**What the latent code keeps of an image.** Above, validation images; below, what the "
        "decoder makes of the mean of their posteriors. What is blurred or changed did not fit "
        "into the code."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Reconstruct the examples."""
        rows = {"originals": images, "reconstructions": model.reconstruct(images)}
        return plots.image_rows(rows, "What the latent code keeps of an image")
