"""Writes small data of one's own: arrays and pictures."""

from pathlib import Path

import numpy as np
from idx_files import write_numbered_images
from PIL import Image


def write_own_data(folder: Path) -> None:
    """Write grey images of 28 × 28 pixels: ``cells.npz``, ``pictures/`` and ``FashionMNIST/``."""
    write_numbered_images(folder, train=40, test=10)
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(40, 28, 28), dtype=np.uint8)
    for number, image in enumerate(images):
        path = folder / "pictures" / str(number % 2) / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    np.savez(folder / "cells.npz", images=images, labels=np.arange(40) % 2)
