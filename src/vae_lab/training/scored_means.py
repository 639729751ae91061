"""What validation and testing log: means over images."""

from collections.abc import Mapping
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor


class ScoredMeans:
    """Means over the images of a split, those of all processes.

    ``LightningModule.log`` would move an object of torchmetrics for every metric and batch.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._images = 0

    def add(self, metrics: Mapping[str, Tensor | float], num_images: int) -> None:
        """Take in means over a batch."""
        for name, value in metrics.items():
            total = torch.as_tensor(value).float() * num_images
            self._sums[name] = self._sums[name] + total if name in self._sums else total
        self._images += num_images

    def take(self, trainer: pl.Trainer) -> dict[str, Tensor]:
        """Return the means, each (), and begin anew.

        Args:
            trainer: knows the other processes.
        """
        device = trainer.strategy.root_device
        sums = torch.stack([value.to(device) for value in self._sums.values()])
        images = torch.tensor(float(self._images), device=device)
        sums, images = (trainer.strategy.reduce(t, reduce_op="sum") for t in (sums, images))
        means = dict(zip(self._sums, cast(Tensor, sums) / images, strict=True))
        self.forget()
        return means

    def forget(self) -> None:
        """Begin anew."""
        self._sums, self._images = {}, 0


def is_last_batch(trainer: pl.Trainer) -> bool:
    """Tell whether the batch in progress is the last one of validation or testing."""
    return cast(Any, trainer)._evaluation_loop.batch_progress.is_last_batch
