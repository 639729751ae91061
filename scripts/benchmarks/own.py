"""How fast images of one's own are: in colour beside a bare loop, as files beside torchvision.

``training on colour``: epochs of 2,700 images of CIFAR's shape, random bytes, in this framework
with all that a default run has, and in a bare loop over the same tensors with the same network.

``files``: 3,000 of MNIST's digits as PNGs. ``first`` decodes them and delivers an epoch in shuffled
batches of 128, float32; ``later`` is what every run after that does: it opens the folder again and
delivers. Beside it torchvision's ``ImageFolder`` with a ``DataLoader``, which decodes anew in every
epoch, in this process or with as many workers as there are cores, whichever is faster. All take
turns, and the best of each counts.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from PIL import Image
from rich.table import Table
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.epoch import ROOT, VARIANTS, Case, measure
from benchmarks.memory import peak_resident_mib
from benchmarks.rivals import BATCH
from vae_lab.data.images import ImagesDataModule
from vae_lab.data.mnist_format import MNISTDataModule

COUNT, SHAPE = 3_000, (3, 32, 32)
FILES = 3000


def run(rounds: int) -> tuple[dict[str, Any], Table]:
    """Measure both; return the report and a table."""
    table = Table(title="images per second, best of several epochs")
    for column in ("", "framework (a)", "beside it (b)", "a/b"):
        table.add_column(column, justify="left" if not column else "right")
    with tempfile.TemporaryDirectory() as folder:
        results = _colour(Path(folder), rounds) | _files(Path(folder), rounds)
    for name, result in results.items():
        cells = [f"{result[k]:,.0f}" for k in ("framework", "beside")]
        table.add_row(name, *cells, f"{result['framework'] / result['beside']:.2f}")
    report = {"results": results, "rounds": rounds, "files": FILES}
    return report | {"peak_resident_mib": peak_resident_mib()}, table


def _colour(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    path = folder / "colour.npy"
    np.save(path, np.random.default_rng(0).integers(256, size=(COUNT, *SHAPE), dtype=np.uint8))
    options = ("data=arrays", f"data.root={path}", "data.val_size=0")
    best = measure(Case("cpu", options, BATCH), VARIANTS["eager"], rounds, with_tutorial=False)
    framework, bare = (best["images"] / best[k] for k in ("framework", "bare"))
    return {"training on colour": {"framework": framework, "beside": bare}}


def _files(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    pictures, caches = folder / "pictures", folder / "caches"
    _export(pictures / "train")
    _export(pictures / "test", count=4)
    transform = transforms.Compose([transforms.Grayscale(), transforms.ToTensor()])
    usual = datasets.ImageFolder(str(pictures / "train"), transform)
    loaders = [
        DataLoader(usual, BATCH, shuffle=True, num_workers=n) for n in (0, os.cpu_count() or 1)
    ]
    first = later = beside = 0.0
    for turn in range(rounds):
        first = max(first, _rate(lambda turn=turn: _delivered(pictures, caches / str(turn))))
        later = max(later, _rate(lambda turn=turn: _delivered(pictures, caches / str(turn))))
        beside = max(beside, *(_rate(lambda loader=loader: loader) for loader in loaders))
    return {
        "files, first epoch": {"framework": first, "beside": beside},
        "files, later epochs": {"framework": later, "beside": beside},
    }


def _export(folder: Path, count: int = FILES) -> None:
    """Write MNIST's first training images as PNGs, each class in a folder."""
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        options = hydra.compose("train").data
    data: MNISTDataModule = hydra.utils.instantiate(options, _convert_="all")
    data.prepare_data()
    images, labels = data.read(train=True)
    for number, (image, label) in enumerate(zip(images[:count], labels[:count], strict=True)):
        path = folder / str(int(label)) / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(path)


def _delivered(pictures: Path, cache: Path) -> Iterable[Any]:
    """Open a folder of pictures, and yield the batches of an epoch."""
    data = ImagesDataModule(
        root=str(pictures), image_size=None, fit="crop", channels=None, on_error="error",
        cache=str(cache), image_shape=None, val_size=0, batch_size=BATCH, global_batch_size=None,
        binarization="none", seed=0,
    )  # fmt: skip
    data.setup("fit")
    batches = data.train_dataloader()
    return (data.on_after_batch_transfer((images, labels), 0) for images, labels in batches)


def _rate(batches: Callable[[], Iterable[Any]]) -> float:
    """Return the images per second of opening and delivering."""
    began = time.perf_counter()
    count = sum(len(images) for images, _ in batches())
    return count / (time.perf_counter() - began)
