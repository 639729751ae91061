"""Originals, reconstructions and samples in one picture."""

from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.picture import PictureCallback


class Overview(PictureCallback):
    """Three rows: images, their reconstructions, and samples from the prior."""

    name = "overview"
    description = (
        "**Seen, remembered, imagined**: validation images, their reconstructions, and as many "
        "samples from the prior."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Reconstruct the examples and sample as many."""
        rows = {
            "originals": images,
            "reconstructions": model.reconstruct(images),
            "samples": model.sample(len(images)),
        }
        return plots.image_rows(rows, "Seen, remembered, imagined")
