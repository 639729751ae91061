"""Data: a source of images → batches of binarised images on the device."""

from vae_lab.data.batches import Batch
from vae_lab.data.contract import ImageDataModule, Split

__all__ = ["Batch", "ImageDataModule", "Split"]
