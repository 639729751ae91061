"""The way from one digit to another."""

import torch
from PIL import Image
from torch import Tensor

from vae_lab.model.contract import Model
from vae_lab.pictures import journeys, plots
from vae_lab.training.callbacks.picture import PictureCallback

STEPS = 11


class Interpolations(PictureCallback):
    """A row per class: from its most typical example to that of the next class, in a line."""

    name = "interpolations"
    description = (
        "**From one digit to the next.** The outer columns are validation images, each the most "
        "typical of its class; between them, points of the straight line that joins their "
        "posterior means, decoded. In a latent space without holes every one looks like a digit."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the lines; None if there is only one class."""
        means = model.encode(images).mean
        chosen = journeys.typical(means.cpu(), labels)
        if len(chosen) == 1:
            return None
        rows = {}
        for start, end in zip(chosen.tolist(), chosen.roll(-1).tolist(), strict=True):
            way = model.decode(journeys.straight(means[start], means[end], STEPS)).mean
            row = torch.cat([images[start, None], way, images[end, None]])
            first, last = (self.class_names[int(labels[index])] for index in (start, end))
            rows[f"{first} → {last}"] = row
        shares = [f"{share:.0%}" for share in torch.linspace(0, 1, STEPS).tolist()]
        return plots.image_rows(
            rows, "From each class to the next, in a straight line", ["image", *shares, "image"]
        )
