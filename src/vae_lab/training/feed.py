"""Batches of this package's own data, without what Lightning does around each."""

from dataclasses import dataclass
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.plugins.precision import Precision
from torch import Tensor

from vae_lab.data import ImageDataModule
from vae_lab.data.batches import ResumableLoader

MODULE_HOOKS = ("transfer_batch_to_device", "on_after_batch_transfer")
DATA_HOOKS = ("on_before_batch_transfer", *MODULE_HOOKS)


@dataclass(frozen=True)
class Feed:
    """Fetches the training batches that follow, raw, and turns these into images.

    Args:
        loader: of the epoch in progress.
        data: where the images come from.
    """

    loader: ResumableLoader
    data: ImageDataModule

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

    def images(self, raw: Tensor) -> Tensor:
        """Return the images of a batch, (B, C, H, W), binarised."""
        return self.data.training_images(self.loader.bytes_of(raw))


def feed_of(trainer: pl.Trainer) -> Feed | None:
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
    )
    return Feed(loaders[0], data) if is_plain else None
