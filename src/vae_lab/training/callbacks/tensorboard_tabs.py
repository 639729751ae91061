"""What stands under a tab of its own in TensorBoard: *Graphs*, *Projector* and *Histograms*."""

import warnings

import lightning.pytorch as pl
import torch
from matplotlib.colors import to_rgb
from torch import Tensor, nn
from torch.nn.functional import pad

from vae_lab.model.contract import Model
from vae_lab.model.distributions import DiagonalGaussian
from vae_lab.pictures.colors import CLASS_COLORS
from vae_lab.training.callbacks.exhibit import Exhibit, tensorboards

LEAST_DIMENSIONS = 3


class Reconstruction(nn.Module):
    """The way of an image through the model, as a module: x → E[x|z] at the posterior mean."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return reconstructions of images, both (B, C, H, W)."""
        return self.model.reconstruct(x, labels)


class Graph(Exhibit[tuple[Reconstruction, tuple[Tensor, ...]]]):
    """The operations from an image to its reconstruction, in TensorBoard's *Graphs*."""

    name = "graph"
    description = (
        "*Graphs* shows the operations from an image to its reconstruction, recorded while one ran "
        "through the model: `encoder`, `posterior`, `decoder`, `likelihood`. A double click opens "
        "a part."
    )

    def draw(
        self, model: Model, images: Tensor, labels: Tensor
    ) -> tuple[Reconstruction, tuple[Tensor, ...]]:
        """Return the model and what to send through it."""
        sent = (images[:1], labels[:1]) if model.is_conditional else (images[:1],)
        return Reconstruction(model).eval(), sent

    def publish(
        self, drawn: tuple[Reconstruction, tuple[Tensor, ...]], trainer: pl.Trainer, step: int
    ) -> None:
        """Record the operations."""
        with warnings.catch_warnings(), torch.no_grad():
            # torch's own writer still traces with torch.jit, which is deprecated
            warnings.filterwarnings("ignore", "`torch.jit.trace", FutureWarning)
            for logger in tensorboards(trainer):
                logger.experiment.add_graph(*drawn)
                logger.experiment.add_text("graph", self.description, step)


class Projector(Exhibit[tuple[Tensor, Tensor, Tensor]]):
    """Posterior means with their images as points, in the colours of their classes.

    TensorBoard's projector always opens without a colour map, whatever its configuration says, and
    paints images where they are white. So grey images are ink in the colour of their class.
    """

    name = "projector"
    description = (
        "*Projector* shows the posterior means of validation images as points that wear their "
        "images, grey ones in the colour of their class; *PCA*, *UMAP* and *t-SNE* choose the "
        "projection; a click on a point lists its nearest neighbours. Of a latent space with less "
        "than three dimensions the missing ones are 0."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the examples."""
        return model.encode(images, labels).mean, labels, images

    def publish(self, drawn: tuple[Tensor, Tensor, Tensor], trainer: pl.Trainer, step: int) -> None:
        """Write points, labels and sprites beside the event files."""
        means, labels, images = (tensor.cpu() for tensor in drawn)
        missing = max(0, LEAST_DIMENSIONS - means.shape[1])
        for logger in tensorboards(trainer):
            names = [self.class_names[int(label)] for label in labels]
            sprites = in_class_colors(images.float(), labels)
            logger.log_embedding(pad(means.float(), (0, missing)), names, sprites)
            logger.experiment.add_text("projector", self.description, step)


def in_class_colors(images: Tensor, labels: Tensor) -> Tensor:
    """Return grey images as ink on white, in the colours of their classes; others as they are.

    Args:
        images: in [0, 1], (N, C, H, W).
        labels: class of each, (N,).

    Returns:
        (N, 3, H, W), or ``images``.
    """
    if images.shape[1] != 1:
        return images
    colors = torch.tensor([to_rgb(color) for color in CLASS_COLORS])[labels % len(CLASS_COLORS)]
    return 1 - images * (1 - colors[:, :, None, None])


class PosteriorHistograms(Exhibit[dict[str, Tensor]]):
    """Histograms of posterior means and, of normal posteriors, standard deviations."""

    name = "posterior"
    description = (
        "**Posteriors of validation images**, all latent dimensions together. `means`: a dimension "
        "that is in use spreads over about the prior, [-2, 2]; a spike at 0 is dimensions that "
        "are not. `scales`: standard deviations; small where a dimension says much about the "
        "image, 1, the prior's, where it says nothing. Both spikes at once are posterior collapse."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Encode the examples."""
        q = model.encode(images, labels)
        return {"means": q.mean} | ({"scales": q.stddev} if isinstance(q, DiagonalGaussian) else {})

    def publish(self, drawn: dict[str, Tensor], trainer: pl.Trainer, step: int) -> None:
        """Write the histograms to TensorBoard."""
        for logger in tensorboards(trainer):
            for name, values in drawn.items():
                logger.log_histogram(f"{self.name}/{name}", values, self.description, step)
