"""Data: images on disk → batches of binarised images on the device."""

from vae_lab.data.batches import Batch
from vae_lab.data.datamodule import MNISTDataModule, Split

__all__ = ["Batch", "MNISTDataModule", "Split"]
