"""The latent space in TensorBoard's embedding projector."""

import lightning.pytorch as pl
from torch import Tensor
from torch.nn.functional import pad

from vae_lab.model.contract import Model
from vae_lab.training.callbacks.exhibit import Exhibit, tensorboards

LEAST_DIMENSIONS = 3


class Projector(Exhibit[tuple[Tensor, Tensor, Tensor]]):
    """Posterior means with their images as points and their classes as labels."""

    name = "projector"
    description = (
        "*Projector* shows the posterior means of validation images as points that wear their "
        "images. **Color by: label** colours the classes; *PCA*, *UMAP* and *t-SNE* choose the "
        "projection; a click on a point lists its nearest neighbours. Of a latent space with less "
        "than three dimensions the missing ones are 0."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the examples."""
        return model.encode(images).mean, labels, images

    def publish(self, drawn: tuple[Tensor, Tensor, Tensor], trainer: pl.Trainer, step: int) -> None:
        """Write points, labels and sprites beside the event files."""
        means, labels, images = (tensor.cpu() for tensor in drawn)
        missing = max(0, LEAST_DIMENSIONS - means.shape[1])
        for logger in tensorboards(trainer):
            names = [self.class_names[int(label)] for label in labels]
            logger.log_embedding(pad(means.float(), (0, missing)), names, images)
            logger.experiment.add_text("projector", self.description, step)
