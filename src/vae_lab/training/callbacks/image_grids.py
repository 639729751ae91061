"""Pictures made of images alone: seen, reconstructed, sampled."""

from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.exhibit import PictureCallback


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
        rows = {"originals": images, "reconstructions": model.reconstruct(images, labels)}
        return plots.image_rows(rows, "What the latent code keeps of an image")


class Samples(PictureCallback):
    """A square grid of E[x|z] for z ~ p(z), the same z at every epoch; classes take turns."""

    name = "samples"
    description = (
        "**What the model imagines**: latents drawn from the prior and decoded, the same ones at "
        "every epoch. Worse pictures than the reconstructions mean that the prior reaches places "
        "where no image is encoded. An autoencoder has learned no prior: what is decoded is noise."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Decode as many latents as there are examples."""
        is_autoencoder = model.posterior.is_point_mass
        title = "Noise, decoded: no prior was learned" if is_autoencoder else (
            "Samples: z from the prior, decoded"
        )  # fmt: skip
        return plots.image_grid(
            model.sample(len(images), labels=model.labels_in_turn(len(images))), title
        )


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
            "reconstructions": model.reconstruct(images, labels),
            "noise, decoded" if model.posterior.is_point_mass else "samples": (
                model.sample(len(images), labels=labels)
            ),
        }
        return plots.image_rows(rows, "Seen, remembered, imagined")
