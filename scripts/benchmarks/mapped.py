"""How fast a file of 6 GiB trains that is read from the disk, beside bytes in memory.

Batches of 128 colour images of 64 × 64 pixels in shuffled order: delivered alone, and to a training
step of a network (12,288-64-20). ``in memory``: 0.75 GiB of bytes. ``cold``: the system has been
told to forget the file, so that every image comes from the disk, as in a file much larger than the
memory; ``plain`` without reading ahead. ``warm``: the system has the file in memory. Each turn
reads other images; the best counts. The file is made of random bytes, in the folder for temporary
files, and deleted.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch import Tensor, nn

from benchmarks.memory import peak_resident_mib
from vae_lab.data.batches import EpochOrder, GlobalBatches, ImageTensors, ResumableLoader
from vae_lab.data.binarization import to_float
from vae_lab.data.mapped import MappedImages

GIB = 2**30
SIZE = 6 * GIB
IN_MEMORY = 3 * GIB // 4
SHAPE = (3, 64, 64)
BATCH, BATCHES = 128, 60
IMAGE = 3 * 64 * 64


def write(path: Path) -> None:
    """Write random bytes.

    Raises:
        OSError: if there is not enough room.
    """
    if shutil.disk_usage(path.parent).free < SIZE + GIB:
        raise OSError(f"{path.parent} has no room for 7 GiB; TMPDIR may name another folder")
    generator = torch.Generator().manual_seed(0)
    part = 2**28
    with path.open("wb") as file:
        for _ in range(SIZE // part):
            numbers = torch.randint(256, (part,), dtype=torch.uint8, generator=generator)
            file.write(numbers.numpy().data)
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Ask the system to keep nothing of a file in memory."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def remember(path: Path) -> None:
    """Have the system read a file."""
    with path.open("rb") as file:
        while file.read(2**26):
            pass


def batches(images: Tensor, turn: int, file: MappedImages | None) -> Iterator[Tensor]:
    """Return the first batches of an epoch."""
    order = EpochOrder(len(images), shuffle=True, seed=turn)
    announce = partial(file.announce, images) if file else None
    loader = ResumableLoader(
        ImageTensors(images, torch.zeros(len(images))), GlobalBatches(order, BATCH, 0, 1, announce)
    )
    return (batch for _, (batch, _) in zip(range(BATCHES), loader, strict=False))


class Step:
    """A step of training on a batch."""

    def __init__(self) -> None:
        self.network = nn.Sequential(
            nn.Flatten(), nn.Linear(IMAGE, 64), nn.ReLU(), nn.Linear(64, 20),
            nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, IMAGE),
        )  # fmt: skip
        self.optimizer = torch.optim.Adam(self.network.parameters(), fused=True)

    def __call__(self, images: Tensor) -> None:
        """Take it."""
        x = to_float(images)
        self.optimizer.zero_grad()
        (self.network(x) - x.flatten(1)).square().sum(1).mean().backward()
        self.optimizer.step()


def resident_of_files_mib() -> int | None:
    """Return how much of files is mapped and resident, where the system says so."""
    status = Path("/proc/self/status")
    found = re.search(r"RssFile:\s+(\d+)", status.read_text(encoding="utf-8"))
    return round(int(found[1]) / 1024) if found else None


def run(rounds: int) -> tuple[dict[str, Any], Table]:
    """Measure every way; return the report and a table of images per second.

    Raises:
        OSError: on systems that cannot be asked to forget a file, or without room for it.
    """
    if not hasattr(os, "posix_fadvise"):
        raise OSError("this system cannot be asked to forget a file; measure on Linux")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images"
        write(path)
        mapped = MappedImages(path, (SIZE // IMAGE, *SHAPE))
        in_memory = mapped.images[: IN_MEMORY // IMAGE].clone()
        mapped.give_back()
        baseline = resident_of_files_mib() or 0
        ways = {
            "in memory": (lambda: None, in_memory, None),
            "cold, plain": (lambda: forget(path), mapped.images, None),
            "cold": (lambda: forget(path), mapped.images, mapped),
            "warm": (lambda: remember(path), mapped.images, mapped),
        }
        step = Step()
        works = {"alone": lambda images: None, "training": step}
        for images in batches(in_memory, 0, None):
            step(images)
        rates = {way: dict.fromkeys(works, 0.0) for way in ways}
        held = dict.fromkeys(ways, 0)
        for turn in range(rounds):
            for way, (prepare, images, file) in ways.items():
                for number, (work, does) in enumerate(works.items()):
                    mapped.give_back()
                    prepare()
                    began = time.perf_counter()
                    for batch in batches(images, 2 * turn + number, file):
                        does(batch)
                    rate = BATCH * BATCHES / (time.perf_counter() - began)
                    rates[way][work] = max(rates[way][work], rate)
                    held[way] = max(held[way], (resident_of_files_mib() or 0) - baseline)
    table = Table(title="images per second, best of several")
    for column in ("", "delivered", "trained on", "mapped and resident, MiB"):
        table.add_column(column, justify="left" if not column else "right")
    for way, rate in rates.items():
        table.add_row(way, f"{rate['alone']:,.0f}", f"{rate['training']:,.0f}", str(held[way]))
    results = {
        way: {"images_per_second": rate, "mapped_resident_mib": held[way]}
        for way, rate in rates.items()
    }
    report = {"gib": SIZE / GIB, "results": results, "rounds": rounds}
    return report | {"peak_resident_mib": peak_resident_mib()}, table
