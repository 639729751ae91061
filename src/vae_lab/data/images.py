"""A folder of pictures of one's own."""

from pathlib import Path
from typing import Any

import torch

from vae_lab.checks import Whole, checked
from vae_lab.data.decoded import DecodedDataModule, Source
from vae_lab.data.folder import FilesInFolder, divided, pictures_in
from vae_lab.data.found import UNLABELLED


@checked
class ImagesDataModule(DecodedDataModule):
    """The pictures in a folder and in those below it, decoded once.

    The first level of folders below ``root``, or below its ``train/``, ``val/`` and ``test/``, are
    classes. Splits that have no folder are divided by a hash of the file's name: a tenth to test,
    a tenth to validate. Images are in the order of their file names.

    Args:
        root: the folder.
        val_size: images for validation, at the end of those not for testing; None for those that
            the folder, or else the hash, says.
        options: the other arguments of ``DecodedDataModule``.

    Raises:
        FileNotFoundError: if there are no pictures.
        OSError: if the folder cannot be read, or the cache not be written.
        ValueError: if pictures cannot be read, or it is not clear what to make of them.
    """

    def __init__(
        self,
        root: str | None,
        val_size: Whole | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if root is None:
            raise ValueError("data.root must name the folder: data.root=~/pictures")
        folder = Path(root).expanduser()
        super().__init__(
            lambda: _found(folder, cuts_val=val_size is None),
            folder.resolve().name,
            val_size=val_size,
            **options,
        )


def _found(root: Path, cuts_val: bool) -> Source:
    splits = divided(pictures_in(root), cuts_val)
    pictures = [*splits["train"], *splits["val"], *splits["test"]]
    names = sorted({picture.class_name for picture in pictures if picture.class_name is not None})
    numbers = {name: number for number, name in enumerate(names)} | {None: 0}
    return Source(
        FilesInFolder(root, pictures),
        torch.tensor([numbers[picture.class_name] for picture in pictures], dtype=torch.int64),
        names or UNLABELLED,
        len(splits["val"]),
        len(splits["test"]),
    )
