"""Sources that say themselves which shape, classes and splits their images have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_lab.checks import Shape, Whole, checked
from vae_lab.data.batches import LEAST, Batch
from vae_lab.data.contract import ImageDataModule, Split
from vae_lab.data.mapped import MappedImages

UNLABELLED = ("image",)  # the one class of images without labels
FEWEST = LEAST + 2  # two to train on, one to validate, one to test
TENTH = 10
SPLIT_NAMES: dict[str, Split] = {  # what files and folders call a split
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """All images of a source, those to train on first, then validation, then test.

    Attributes:
        images: bytes, (N, C, H, W).
        labels: of each, counting ``class_names`` from 0, (N,).
        class_names: what the labels are called.
        val: how many images are for validation.
        test: how many are for testing.
        factors: of variation, (N, F), counting the values of each from 0; None without any.
        factor_names: what the factors are called.
        file: that the images lie in, if they are mapped into memory.
        are_two: whether all pixels are known to be black or white.
    """

    images: Tensor
    labels: Tensor
    class_names: Sequence[str]
    val: int
    test: int
    factors: Tensor | None = None
    factor_names: Sequence[str] = ()
    file: MappedImages | None = None
    are_two: bool = False


@checked
class FoundDataModule(ImageDataModule):
    """Images whose shape and splits need not be told.

    Args:
        found: the images.
        name: of the data set, as results state it.
        image_shape: (C, H, W), to be sure of it, or None.
        val_size: how many images at the end of those not for testing are for validation; None for
            those that are found to be.
        options: the other arguments of ``ImageDataModule``.

    Raises:
        ValueError: if the images do not have ``image_shape``.
    """

    def __init__(
        self,
        found: Found,
        name: str,
        image_shape: Shape | None,
        val_size: Whole | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        shape = tuple(found.images.shape[1:])
        if image_shape is not None and tuple(image_shape) != shape:
            raise ValueError(
                f"data.image_shape is {tuple(image_shape)}, but the images are {shape}"
            )
        super().__init__(
            image_shape=shape, val_size=found.val if val_size is None else val_size, **options
        )
        self.found = found
        self.name = name
        self.class_names = found.class_names
        self.factor_names = found.factor_names
        self.are_two = found.are_two
        if found.file is not None and found.file.is_large:
            self.mapped = found.file

    def read(self, train: bool) -> Batch:
        """Return the images to train on and for validation, or those to test on."""
        part = self._where(train)
        return self.found.images[part], self.found.labels[part]

    def read_factors(self, train: bool) -> Tensor:
        """Return the factors of the same images."""
        if self.found.factors is None:
            return super().read_factors(train)
        return self.found.factors[self._where(train)]

    def _where(self, train: bool) -> slice:
        start = len(self.found.images) - self.found.test
        return slice(start) if train else slice(start, None)


def tenth(count: int) -> int:
    """Return a tenth of ``count``, at least 1.

    Raises:
        ValueError: if there are too few to be divided.
    """
    if count < FEWEST:
        raise ValueError(
            f"data.root: too few images for three splits, {count}; take {FEWEST} or more"
        )
    return max(1, count // TENTH)


def shuffled(count: int) -> Tensor:
    """Return an order of ``count`` images that depends on their number alone, (N,)."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(count))
