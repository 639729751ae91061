"""Data: images on disk → batches of binarised images on the device."""

from vae_lab.data.datamodule import MNISTDataModule

__all__ = ["MNISTDataModule"]
