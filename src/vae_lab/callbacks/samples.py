"""Images decoded from the prior."""

from PIL import Image
from torch import Tensor

from vae_lab import plots
from vae_lab.callbacks.picture import PictureCallback
from vae_lab.vae import VAE


class Samples(PictureCallback):
    """A square grid of E[x|z] for z ~ p(z), the same z at every epoch."""

    name = "samples"

    def draw(self, model: VAE, images: Tensor, labels: Tensor) -> Image.Image:
        """Decode as many latents as there are examples."""
        return plots.image_grid(model.sample(len(images)), "Samples: z from the prior, decoded")
