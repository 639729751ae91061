"""The pictures in a folder: their classes and splits, read off names alone."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vae_lab.data.contract import Split
from vae_lab.data.found import FEWEST, SPLIT_NAMES

SUFFIXES = (
    ".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
TEST, VAL = 0.1, 0.2  # images with a smaller share test; those between the two validate


@dataclass(frozen=True)
class Picture:
    """A file.

    Attributes:
        name: its path below the root, with slashes.
        size: bytes.
        modified: nanoseconds.
        split: the folder it lies in says so; or None.
        class_name: likewise.
    """

    name: str
    size: int
    modified: int
    split: Split | None
    class_name: str | None

    @property
    def share(self) -> float:
        """A number in [0, 1) that depends on the name alone."""
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) / 2**64


class FilesInFolder:
    """The pictures in a folder as they are decoded.

    Args:
        root: the folder.
        pictures: which, in their order.
    """

    def __init__(self, root: Path, pictures: Sequence[Picture]) -> None:
        self._root = root
        self.root = str(root)
        files = [(picture.name, picture.size, picture.modified) for picture in pictures]
        self.identity = [str(root.resolve()), files]
        self.names: Sequence[str] = [picture.name for picture in pictures]

    def __getitem__(self, part: slice) -> list[Path]:
        """Return the files of some of them."""
        return [self._root / name for name in self.names[part]]


def pictures_in(root: Path) -> list[Picture]:
    """Return the pictures below ``root``, in the order of their file names.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if some lie in folders for classes or splits, and others do not.
        OSError: if a folder cannot be read.
    """
    if not root.is_dir():
        what = "a file; data=arrays reads arrays" if root.exists() else "not there"
        raise FileNotFoundError(f"data.root={root} is {what}")
    try:
        entries = list(_walk(root, ()))
    except OSError as error:
        raise OSError(f"data.root={root} cannot be read: {error}") from error
    if not entries:
        raise FileNotFoundError(f"data.root={root} holds no pictures ({', '.join(SUFFIXES)})")
    names = [Path(entry).relative_to(root).parts for entry, _ in entries]
    is_split = any(
        len(parts) > 1 and SPLIT_NAMES.get(parts[0].lower()) == "train" for parts in names
    )
    pictures = []
    for parts, (_, stat) in zip(names, entries, strict=True):
        split = SPLIT_NAMES.get(parts[0].lower()) if is_split and len(parts) > 1 else None
        if is_split and split is None:
            raise ValueError(
                f"data.root={root}: {'/'.join(parts)} lies beside train/, and in none of train/, "
                "val/, test/"
            )
        below = parts[1:] if is_split else parts
        class_name = below[0] if len(below) > 1 else None
        pictures.append(Picture("/".join(parts), stat.st_size, stat.st_mtime_ns, split, class_name))
    loose = next((picture for picture in pictures if picture.class_name is None), None)
    if loose is not None and any(picture.class_name is not None for picture in pictures):
        raise ValueError(
            f"data.root={root}: {loose.name} lies beside folders, which are classes, and in none"
        )
    return sorted(pictures, key=lambda picture: (picture.name.rpartition("/")[2], picture.name))


def divided(pictures: Sequence[Picture], cuts_val: bool) -> dict[Split, list[Picture]]:
    """Return the pictures of each split.

    What folders do not say is said by a hash of the name: adding a picture moves no other.

    Args:
        pictures: all.
        cuts_val: whether to take validation from the training pictures if it has no folder.

    Raises:
        ValueError: if there are too few.
    """
    parts: dict[Split, list[Picture]] = {"train": [], "val": [], "test": []}
    for picture in pictures:
        parts[picture.split or "train"].append(picture)
    if len(parts["train"]) < FEWEST:
        raise ValueError(
            f"data.root: too few pictures to train on, {len(parts['train'])}; take {FEWEST} or more"
        )
    if not parts["test"]:
        _take(parts, "test", 0.0, TEST)
    if not parts["val"] and cuts_val:
        _take(parts, "val", TEST, VAL)
    return parts


def _take(parts: dict[Split, list[Picture]], split: Split, least: float, below: float) -> None:
    """Move the pictures with such a share, or else that with the smallest, out of training."""
    train = parts["train"]
    taken = [picture for picture in train if least <= picture.share < below]
    taken = taken[: len(train) - 2] or [min(train, key=lambda picture: picture.share)]
    parts[split] = taken
    parts["train"] = [picture for picture in train if picture not in set(taken)]


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield picture files; a link to a folder that it lies in is not followed."""
    stat = folder.stat()
    here = (*above, (stat.st_dev, stat.st_ino))
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith((".", "__MACOSX")):
                continue
            try:
                found = entry.stat()
            except OSError:
                if entry.is_symlink():  # it leads nowhere, or in circles
                    continue
                raise
            if entry.is_dir():
                if (found.st_dev, found.st_ino) not in here:
                    yield from _walk(Path(entry.path), here)
            elif Path(entry.name).suffix.lower() in SUFFIXES:
                yield entry.path, found
