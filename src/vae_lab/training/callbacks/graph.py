"""Encoder and decoder as a graph of operations."""

import warnings

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from vae_lab.model.contract import Model
from vae_lab.training.callbacks.exhibit import Exhibit, tensorboards


class Reconstruction(nn.Module):
    """The way of an image through the model, as a module: x → E[x|z] at the posterior mean."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return reconstructions of images, both (B, C, H, W)."""
        return self.model.reconstruct(x)


class Graph(Exhibit[tuple[Reconstruction, Tensor]]):
    """The operations from an image to its reconstruction, in TensorBoard's *Graphs*."""

    name = "graph"
    description = (
        "*Graphs* shows the operations from an image to its reconstruction, recorded while one ran "
        "through the model: `encoder`, `posterior`, `decoder`, `likelihood`. A double click opens "
        "a part."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> tuple[Reconstruction, Tensor]:
        """Return the model and what to send through it."""
        return Reconstruction(model).eval(), images[:1]

    def publish(self, drawn: tuple[Reconstruction, Tensor], trainer: pl.Trainer, step: int) -> None:
        """Record the operations."""
        with warnings.catch_warnings(), torch.no_grad():
            # inside torch's own writer, which has nothing else to record a graph with
            warnings.filterwarnings("ignore", "`torch.jit.trace", FutureWarning)
            for logger in tensorboards(trainer):
                logger.experiment.add_graph(*drawn)
                logger.experiment.add_text("graph", self.description, step)
