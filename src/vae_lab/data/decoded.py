"""Sources of pictures, which are decoded once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import torch
from torch import Tensor

from vae_lab.checks import at_least, at_most, checked
from vae_lab.data.decoded_once import Order, Pictures, decoded
from vae_lab.data.found import Found, FoundDataModule
from vae_lab.decoding import Fit

Side = Annotated[int, at_least(8), at_most(4096)]
ImageSize = Union[Side, tuple[Side, Side], None]  # noqa: UP007 - pyright knows no | of Annotated


@dataclass(frozen=True)
class Source:
    """Pictures that are not decoded yet: those to train on first, then validation, then test.

    Attributes:
        pictures: all.
        labels: of each, counting ``class_names`` from 0, (N,).
        class_names: what the labels are called.
        val: how many are for validation.
        test: how many are for testing.
    """

    pictures: Pictures
    labels: Tensor
    class_names: Sequence[str]
    val: int
    test: int

    def without(self, skipped: Sequence[str]) -> tuple[Tensor, int, int]:
        """Return labels, and how many validate and test, once some pictures are left out.

        Raises:
            ValueError: if no picture of a split is left.
        """
        missing = set(skipped)
        is_kept = torch.tensor([name not in missing for name in self.pictures.names])
        train = len(is_kept) - self.val - self.test
        counts = {"train": train, "val": self.val, "test": self.test}
        kept = {
            split: int(part.sum())
            for split, part in zip(counts, is_kept.split(list(counts.values())), strict=True)
        }
        if empty := next((split for split, n in counts.items() if n and not kept[split]), None):
            raise ValueError(
                f"data.on_error=skip: {len(missing)} of {len(is_kept)} pictures in "
                f"{self.pictures.root} cannot be read, all {counts[empty]} of {empty} among them"
            )
        return self.labels[is_kept], kept["val"], kept["test"]


@checked
class DecodedDataModule(FoundDataModule):
    """Pictures that are decoded once.

    Args:
        find: finds them.
        name: of the data set, as results state it.
        image_size: H and W, one number or two; None for that of the pictures.
        fit: ``crop`` or ``pad``: how pictures of another shape are brought to it.
        channels: 1 for grey, 3 for colour; None for 1 if all are grey.
        on_error: ``error`` or ``skip``, for pictures that cannot be read.
        cache: the folder where decoded pictures are kept.
        options: the other arguments of ``FoundDataModule``.

    Raises:
        OSError: if the cache cannot be written.
        ValueError: if pictures cannot be read, or it is not clear what to make of them.
    """

    def __init__(
        self,
        find: Callable[[], Source],
        name: str,
        image_size: ImageSize,
        fit: Fit,
        channels: Literal[1, 3] | None,
        on_error: Literal["error", "skip"],
        cache: str,
        **options: Any,  # noqa: ANN401
    ) -> None:
        size = (image_size, image_size) if isinstance(image_size, int) else image_size
        order = Order(size and (size[0], size[1]), fit, channels, skips=on_error == "skip")
        source = find()
        result = decoded(source.pictures, order, Path(cache).expanduser())
        labels, val, test = source.without(list(result.skipped))
        found = Found(result.file.images, labels, source.class_names, val, test, file=result.file)
        super().__init__(found, name, **options)
        self.fit = fit
