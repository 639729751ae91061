"""What each latent dimension does to an image."""

import torch
from PIL import Image
from torch import Tensor

from vae_lab.evaluation.activity import active_units
from vae_lab.model.contract import Model
from vae_lab.pictures import journeys, plots
from vae_lab.training.callbacks.picture import PictureCallback

STEPS = 11
SPREADS = 2.5
MAX_ROWS = 16
BASE = 0


class LatentTraversals(PictureCallback):
    """A row per active dimension, most informative first: one code, changed in that one alone.

    Each dimension runs over its mean ± 2.5 standard deviations among the codes of the examples.
    Without a closed form of the KL, dimensions are ordered by the variance of posterior means.
    """

    name = "latent_traversals"
    description = (
        "**What each latent dimension does.** One validation image is encoded, then one coordinate "
        "of its code is moved from left to right and decoded; the others stay. Rows are the active "
        "dimensions, the largest KL on top; columns count standard deviations of that coordinate "
        "over images. A row that changes nothing carries nothing about this image."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the traversals; None if no dimension is active."""
        q = model.encode(images)
        means, codes = q.mean, q.sample()
        kl_per_dim = model.draw(images, 1).kl_per_dim
        if kl_per_dim is None:
            informative, unit = means.var(0), ""
        else:
            informative, unit = kl_per_dim.mean(0)[: model.latent_dim], " nats"
        active = active_units(means)
        order = informative.argsort(descending=True)
        shown = order[active[order]][:MAX_ROWS].tolist()
        if not shown:
            return None
        centre, reach = codes.mean(0), SPREADS * codes.std(0)
        values = journeys.straight(centre - reach, centre + reach, STEPS)
        rows = {}
        for dimension in shown:
            z = means[BASE].repeat(STEPS, 1)
            z[:, dimension] = values[:, dimension]
            rows[f"z{dimension + 1}: {informative[dimension]:.2f}{unit}"] = model.decode(z).mean
        counts = torch.linspace(-SPREADS, SPREADS, STEPS).tolist()
        columns = [f"{count:+.1f}" if count else "mean" for count in counts]
        return plots.image_rows(rows, "One latent dimension at a time", columns)
