"""Where the images lie in latent space."""

from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.picture import PictureCallback


class LatentScatter(PictureCallback):
    """Posterior means coloured by class; more than two dimensions by principal components."""

    name = "latent_scatter"
    description = (
        "**Where validation images lie in latent space**: a point is the mean of an image's "
        "posterior, coloured by class, though the model never saw the classes. With more than two "
        "dimensions these are the first two principal components."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Encode the examples."""
        title = f"Posterior means of {len(images):,} images"
        means = model.encode(images).mean
        return plots.latent_scatter(means, labels, title, class_names=self.class_names)
