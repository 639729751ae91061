"""Batches of this package's own data, without what Lightning does around each."""

from dataclasses import dataclass
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.plugins.precision import Precision
from torch import Tensor

from vae_lab.data import ImageDataModule
from vae_lab.data.batches import ResumableLoader
from vae_lab.training.step import Examples

MODULE_HOOKS = ("transfer_batch_to_device", "on_after_batch_transfer")
DATA_HOOKS = ("on_before_batch_transfer", *MODULE_HOOKS)


@dataclass(frozen=True)
class Feed:
    """Fetches the training batches that follow, raw, and turns these into examples.

    Args:
        loader: of the epoch in progress.
        data: where the images come from.
        with_labels: whether labels are asked for.
    """

    loader: ResumableLoader
    data: ImageDataModule
    with_labels: bool

    def next(self, fetcher: Any) -> Tensor:  # noqa: ANN401
        """Return the next batch, raw."""
        self.loader.delivers_raw = True
        try:
            raw, _, _ = next(fetcher)
        finally:
            self.loader.delivers_raw = False
        return raw

    def last(self) -> Tensor:
        """Return the batch that was fetched last, raw."""
        return self.loader.raw

    def examples(self, raw: Tensor) -> Examples:
        """Return the images of a batch, binarised, and their labels."""
        images = self.data.training_images(self.loader.bytes_of(raw))
        return images, self.loader.labels_of(raw) if self.with_labels else None


def feed_of(trainer: pl.Trainer, with_labels: bool) -> Feed | None:
    """Return what feeds this training, or None where Lightning's hooks around a batch are used."""
    data = cast(Any, trainer).datamodule
    loaders = cast(Any, trainer.fit_loop._combined_loader).flattened
    module = trainer.lightning_module
    is_plain = (
        isinstance(data, ImageDataModule)
        and len(loaders) == 1
        and isinstance(loaders[0], ResumableLoader)
        and all(getattr(type(data), hook) is getattr(ImageDataModule, hook) for hook in DATA_HOOKS)
        and all(
            getattr(type(module), hook) is getattr(pl.LightningModule, hook)
            for hook in MODULE_HOOKS
        )
        and type(trainer.precision_plugin).convert_input is Precision.convert_input
        and loaders[0].is_for(trainer.strategy.root_device)
        and (loaders[0].knows_labels or not with_labels)
    )
    return Feed(loaders[0], data, with_labels) if is_plain else None
