"""Arrays in a file → bytes in the order of the splits: in memory, or kept where they fit not."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from vae_lab.data.array_files import Array, ArrayFile
from vae_lab.data.cache import kept, shown
from vae_lab.data.found import shuffled, tenth
from vae_lab.data.mapped import MappedImages, is_large
from vae_lab.data.pixels import Layout, channels_first, levels_of, to_bytes

Part = str  # train, val, test, or all of them
VERSION = 1  # of what is made of an array
AT_ONCE = 2**26  # bytes of an array
LARGEST_NUMBER = 8  # bytes


@dataclass(frozen=True)
class Division:
    """Which images are in which split.

    Attributes:
        rows: those to train on first, then validation, then test, as numbers in a part.
        val: how many are for validation.
        test: how many are for testing.
    """

    rows: Sequence[tuple[Part, Tensor]]
    val: int
    test: int

    def of(self, values: Mapping[Part, Tensor]) -> Tensor:
        """Return values in this order."""
        return torch.cat([values[part][rows] for part, rows in self.rows])

    def places(self) -> dict[Part, Tensor]:
        """Return where the rows of each part are in this order."""
        sizes = Counter[Part]()
        for part, rows in self.rows:
            sizes[part] += len(rows)
        places = {part: torch.empty(size, dtype=torch.int64) for part, size in sizes.items()}
        first = 0
        for part, rows in self.rows:
            last = first + len(rows)
            places[part][rows] = torch.arange(first, last)
            first = last
        return places


def divided(counts: Mapping[Part, int]) -> Division:
    """Cut off the splits that there are not; shuffle what is not divided at all.

    Args:
        counts: images of each part.

    Raises:
        ValueError: if there are too few to be divided.
    """
    whole = "all" if "all" in counts else "train"
    train = shuffled(counts[whole]) if whole == "all" else torch.arange(counts[whole])
    share = tenth(len(train))
    rows = {part: (part, torch.arange(counts[part])) for part in ("val", "test") if part in counts}
    for part in [part for part in ("test", "val") if part not in rows]:
        train, rows[part] = train[:-share], (whole, train[-share:])
    val, test = rows["val"], rows["test"]
    return Division([(whole, train), val, test], len(val[1]), len(test[1]))


@dataclass(frozen=True)
class Gathered:
    """Images in the order of a division.

    Attributes:
        images: bytes, (N, C, H, W).
        are_two: whether all pixels are black or white.
        file: that they lie in, if it is mapped into memory.
    """

    images: Tensor
    are_two: bool
    file: MappedImages | None = None


Put = Callable[[Tensor, Array], None]  # bytes (B, C, H, W), and where they belong (B,)


@dataclass(frozen=True)
class Asked:
    """Which arrays of a file are images, and how they lie.

    Attributes:
        file: the file.
        keys: the array of each part.
        layout: of their axes, or None where the shape tells.
        image_shape: (C, H, W) of images stored as vectors, or None.
    """

    file: ArrayFile
    keys: Mapping[Part, str]
    layout: Layout | None = None
    image_shape: Sequence[int] | None = None

    def shape(self) -> tuple[int, ...]:
        """Return the (C, H, W) that all of them have.

        Raises:
            ValueError: if it differs, or is none of an image.
        """
        shapes = {}
        for part, key in self.keys.items():
            stored = self.file.shape(key)
            if 0 in stored:
                raise ValueError(f"data.root: {key} holds no pixels: {stored}")
            shapes[part] = self._first(np.broadcast_to(np.uint8(0), stored), key).shape[1:]
        if len(set(shapes.values())) > 1:
            told = ", ".join(f"{self.keys[part]} {shape}" for part, shape in shapes.items())
            raise ValueError(f"data.root={self.file.path}: the splits differ in shape: {told}")
        return next(iter(shapes.values()))

    def counts(self) -> dict[Part, int]:
        """Return how many images each part has."""
        return {part: self.file.shape(key)[0] for part, key in self.keys.items()}

    def read(self, places: Mapping[Part, Tensor], put: Put) -> bool:
        """Hand over all images, some at once; return whether all are black and white."""
        are_two = True
        for part, key in self.keys.items():
            levels = levels_of(self._parts(key), key)
            are_two &= levels.are_two
            first = 0
            for array in shown(self._parts(key), f"reading {key}", self._number_of_parts(key)):
                last = first + len(array)
                put(places[part][first:last], self._first(to_bytes(array, levels), key))
                first = last
        return are_two

    def _first(self, array: Array, key: str) -> Array:
        return channels_first(array, key, self.layout, self.image_shape)

    def _parts(self, key: str) -> Iterator[Array]:
        return self.file.parts(key, self._at_once(key))

    def _number_of_parts(self, key: str) -> int:
        return math.ceil(self.file.shape(key)[0] / self._at_once(key))

    def _at_once(self, key: str) -> int:
        size = math.prod(self.file.shape(key)[1:]) * LARGEST_NUMBER
        return max(1, AT_ONCE // size)


def gathered(asked: Asked, division: Division, cache: Path) -> Gathered:
    """Return images as bytes, in the order of a division.

    Args:
        asked: which.
        division: of them.
        cache: where they are kept if they are too many to stay in memory beside all else.

    Raises:
        OSError: if ``cache`` cannot be written, such as on a full disk.
        ValueError: if they are no images.
    """
    places = division.places()
    shape = (sum(map(len, places.values())), *asked.shape())
    if not is_large(math.prod(shape)):
        images = torch.empty(shape, dtype=torch.uint8)

        def put(where: Tensor, some: Array) -> None:
            images[where] = torch.from_numpy(some)

        return Gathered(images, asked.read(places, put))

    def write(file: BinaryIO) -> dict[str, Any]:
        size = math.prod(shape[1:])

        def put(where: Tensor, some: Array) -> None:
            for place, image in zip(where.tolist(), np.ascontiguousarray(some), strict=True):
                file.seek(place * size)
                file.write(image.data)

        return {
            "root": str(asked.file.path),
            "shape": shape,
            "are_two": asked.read(places, put),
        }

    keys = sorted(asked.keys.items())
    identity = ["arrays", VERSION, asked.file.identity, keys, asked.layout, shape]
    result = kept(identity, cache, write)
    return Gathered(result.file.images, result.content["are_two"], result.file)
