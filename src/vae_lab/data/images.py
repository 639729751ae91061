"""A folder of pictures of one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import torch

from vae_lab.checks import Shape, Whole, at_least, at_most, checked
from vae_lab.data.cache import Order, decoded
from vae_lab.data.folder import FilesInFolder, divided, pictures_in
from vae_lab.data.found import UNLABELLED, Found, FoundDataModule
from vae_lab.decoding import Fit

Side = Annotated[int, at_least(8), at_most(4096)]
ImageSize = Union[Side, tuple[Side, Side], None]  # noqa: UP007 - pyright knows no | of Annotated


@checked
class ImagesDataModule(FoundDataModule):
    """The pictures in a folder and in those below it, decoded once.

    The first level of folders below ``root``, or below its ``train/``, ``val/`` and ``test/``, are
    classes. Splits that have no folder are divided by a hash of the file's name: a tenth to test,
    a tenth to validate. Images are in the order of their file names.

    Args:
        root: the folder.
        image_size: H and W, one number or two; None for that of the pictures.
        fit: ``crop`` or ``pad``: how pictures of another shape are brought to it.
        channels: 1 for grey, 3 for colour; None for 1 if all are grey.
        on_error: ``error`` or ``skip``, for files that cannot be read.
        cache: the folder where decoded pictures are kept.
        image_shape: (C, H, W), to be sure of it, or None.
        val_size: images for validation, at the end of those not for testing; None for those that
            the folder, or else the hash, says.
        options: the other arguments of ``ImageDataModule``.

    Raises:
        FileNotFoundError: if there are no pictures.
        OSError: if the folder cannot be read, or the cache not be written.
        ValueError: if pictures cannot be read, or it is not clear what to make of them.
    """

    def __init__(
        self,
        root: str | None,
        image_size: ImageSize,
        fit: Fit,
        channels: Literal[1, 3] | None,
        on_error: Literal["error", "skip"],
        cache: str,
        image_shape: Shape | None,
        val_size: Whole | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if root is None:
            raise ValueError("data.root must name the folder: data.root=~/pictures")
        order = Order(size_of(image_size), fit, channels, skips=on_error == "skip")
        folder = Path(root).expanduser()
        found = _find(folder, order, Path(cache).expanduser(), cuts_val=val_size is None)
        super().__init__(found, folder.resolve().name, image_shape, val_size, **options)
        self.fit = fit


def size_of(image_size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """Return the (H, W) that one number or two ask for."""
    if image_size is None:
        return None
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    return height, width


def _find(root: Path, order: Order, cache: Path, cuts_val: bool) -> Found:
    splits = divided(pictures_in(root), cuts_val)
    pictures = [*splits["train"], *splits["val"], *splits["test"]]
    result = decoded(FilesInFolder(root, pictures), order, cache)
    kept = [picture for picture in pictures if picture.name not in result.skipped]
    names = sorted({picture.class_name for picture in kept if picture.class_name is not None})
    numbers = {name: number for number, name in enumerate(names)} | {None: 0}
    val, test = (
        sum(picture.name not in result.skipped for picture in splits[split])
        for split in ("val", "test")
    )
    return Found(
        result.file.images,
        torch.tensor([numbers[picture.class_name] for picture in kept], dtype=torch.int64),
        names or UNLABELLED,
        val,
        test,
        file=result.file,
    )
