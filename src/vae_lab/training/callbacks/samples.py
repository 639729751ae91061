"""Images decoded from the prior."""

from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.picture import PictureCallback


class Samples(PictureCallback):
    """A square grid of E[x|z] for z ~ p(z), the same z at every epoch."""

    name = "samples"
    description = (
        "**What the model imagines**: latents drawn from the prior and decoded, the same ones at "
        "every epoch. Worse pictures than the reconstructions mean that the prior reaches places "
        "where no image is encoded."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Decode as many latents as there are examples."""
        return plots.image_grid(model.sample(len(images)), "Samples: z from the prior, decoded")
