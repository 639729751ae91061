"""Writes small data of one's own: arrays and pictures."""

import importlib.util
from pathlib import Path

import numpy as np
from idx_files import write_numbered_images
from PIL import Image


def write_own_data(folder: Path) -> None:
    """Write grey images of 28 × 28 pixels.

    ``cells.npz``, ``shapes.npz``, ``pictures/``, ``FashionMNIST/`` and, where pyarrow is
    there, ``parquet/``.
    """
    write_numbered_images(folder, train=40, test=10)
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(40, 28, 28), dtype=np.uint8)
    for number, image in enumerate(images):
        path = folder / "pictures" / str(number % 2) / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    if importlib.util.find_spec("pyarrow"):
        _write_parquet(folder)
    shapes = np.arange(40) % 4
    np.savez(folder / "shapes.npz", imgs=images > 127, latents_classes=shapes[:, None] // [1, 2])
    np.savez(folder / "cells.npz", images=images, labels=np.arange(40) % 2)


def _write_parquet(folder: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    paths = sorted((folder / "pictures").rglob("*.png"))
    pictures = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    labels = [int(path.parent.name) for path in paths]
    (folder / "parquet").mkdir(exist_ok=True)
    pyarrow.parquet.write_table(
        pa.table({"image": pictures, "label": labels}), folder / "parquet" / "all.parquet"
    )
