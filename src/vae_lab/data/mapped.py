"""Images in a file that may be larger than the memory: read ahead, and not kept.

Touching a page of a mapped file that is not in memory waits for the disk, and a shuffled order
touches one image here and one there. So the system is told some batches before, and reads while the
model computes. Pages that were touched count as this program's memory until they are given back;
they stay in the system's as long as there is room.
"""

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

LARGE = 0.25  # of the machine's memory, from which on a file is read ahead
HELD = 2**26  # bytes announced until all pages are given back; the system maps several times that


class MappedImages:
    """Images, bytes, in a file.

    Args:
        path: the file.
        shape: (N, C, H, W).

    Attributes:
        images: all of them, (N, C, H, W).
    """

    def __init__(self, path: Path, shape: Sequence[int]) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        pixels = np.frombuffer(self._bytes, np.uint8).reshape(tuple(shape))
        self.images = torch.from_numpy(pixels)
        self._announced = 0

    @property
    def is_large(self) -> bool:
        """Whether the file may not stay in memory beside all else."""
        return is_large(len(self._bytes))

    def announce(self, images: Tensor, indices: Tensor) -> None:
        """Say that the images at ``indices`` (B,) of ``images`` are read soon.

        Args:
            images: some of ``self.images`` in a row; of others nothing is done.
            indices: which of them.
        """
        size = images[0].nbytes
        first = images.data_ptr() - self.images.data_ptr()
        if not 0 <= first < len(self._bytes):
            return
        self._announced += size * len(indices)
        if self._announced > HELD:
            self.give_back()
        for start in (first + size * indices).tolist():
            page = start - start % mmap.PAGESIZE
            self._bytes.madvise(mmap.MADV_WILLNEED, page, start + size - page)

    def give_back(self) -> None:
        """Let no page count as this program's memory; what is read again is mapped again."""
        self._bytes.madvise(mmap.MADV_DONTNEED)
        self._announced = 0


def is_large(size: int) -> bool:
    """Tell whether so many bytes may not stay in memory beside all else."""
    return size > LARGE * _memory()


def _memory() -> float:
    """Return the bytes of the machine's memory; infinity where nothing can be advised."""
    if not hasattr(mmap, "MADV_WILLNEED"):  # on Windows
        return float("inf")
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
