"""Writes small data sets in the MNIST format, where torchvision looks for FashionMNIST."""

import struct
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the IDX format."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


def write_numbered_images(root: Path, train: int, test: int) -> None:
    """Write ``train`` and ``test`` images below ``root``.

    Every image tells what it is: its first pixel is its number (test images count from 200), the
    others are 20 times its label.
    """
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, count, first in (("train", train, 0), ("t10k", test, 200)):
        labels = (np.arange(count) * 7 % 10).astype(np.uint8)
        images = np.broadcast_to(20 * labels[:, None, None], (count, 28, 28)).astype(np.uint8)
        images[:, 0, 0] = first + np.arange(count)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
