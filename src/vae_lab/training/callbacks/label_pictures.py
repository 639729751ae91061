"""Pictures of what a model that knows labels makes of the same latents under each of them."""

import torch
from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import journeys, plots
from vae_lab.training.callbacks.exhibit import NOISE_SEED, PictureCallback

MOST_CLASSES = 20  # more do not fit into a picture


def under_every_label(model: Model, z: Tensor) -> Tensor:
    """Decode latents (N, D) under each of the first labels, (Y, N, C, H, W)."""
    labels = range(min(len(model.class_names), MOST_CLASSES))
    return torch.stack([model.decode(z, torch.tensor(label)).mean for label in labels])


class Styles(PictureCallback):
    """A row per class, a column per latent z ~ p(z): one style in all classes.

    With a prior for each class a column has the same noise in all of them. More than 20 classes are
    not drawn.
    """

    name = "styles"
    description = (
        "**Class and style.** A row is a class, a column one latent from the prior, the same ones "
        "at every epoch. Where a model has learned to leave the class to the label, a column shows "
        "one handwriting, or one style of whatever the images show, in all classes."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode as many latents as there are examples; None of a model without labels."""
        if not model.class_names:
            return None
        rows = {}
        for label, name in list(enumerate(model.class_names))[:MOST_CLASSES]:
            torch.manual_seed(NOISE_SEED)
            rows[name] = model.sample(len(images), labels=torch.tensor(label))
        return plots.image_rows(rows, "One latent per column, decoded as every class")


class Analogies(PictureCallback):
    """A row per example, each of another class: the image, and its z decoded under every class.

    Kingma et al. 2014, figure 1b, arXiv:1406.5298. More than 20 classes are not drawn.
    """

    name = "analogies"
    description = (
        "**Analogies.** The first column shows validation images, each the most typical of its "
        "class; the others what the decoder makes of its latent when it is told another class. "
        "The style should stay, whatever the class."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the codes of typical examples; None of a model without labels."""
        if not model.class_names:
            return None
        codes = model.encode(images, labels).mean
        chosen = journeys.typical(codes.cpu(), labels)[:MOST_CLASSES]
        decoded = under_every_label(model, codes[chosen])
        rows = {
            model.class_names[int(labels[index])]: torch.cat([images[index, None], of_image])
            for index, of_image in zip(chosen.tolist(), decoded.unbind(1), strict=True)
        }
        columns = ["image", *model.class_names[: len(decoded)]]
        return plots.image_rows(rows, "The latent of an image, decoded as every class", columns)
