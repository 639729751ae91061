"""Pictures decoded once, into a file of bytes that is mapped into memory."""

import hashlib
import json
import os
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from filelock import FileLock
from joblib import Parallel, cpu_count, delayed
from rich.console import Console
from rich.progress import track
from torch import Tensor

from vae_lab.data.folder import Picture
from vae_lab.decoding import ColourError, Fit, Recipe, SizeError, decode, look_at
from vae_lab.files import write_atomically

VERSION = 1  # of what is made of a picture
AT_ONCE = 200  # pictures that a process decodes before it hands them over
AHEAD = "4*n_jobs"  # such portions that may wait to be written
FEW = 2000  # pictures that one process decodes before others have started
Results = Generator[np.ndarray | str, None, None]


@dataclass(frozen=True)
class Order:
    """What a user asks for.

    Attributes:
        size: (H, W), or None for that of the pictures, which then must all have it.
        fit: how pictures of another size are brought to this one.
        channels: 1 or 3; None for 1 if all pictures are grey, else 3.
        skips: whether to leave out what cannot be decoded, rather than refuse it.
    """

    size: tuple[int, int] | None
    fit: Fit
    channels: int | None
    skips: bool


@dataclass(frozen=True)
class Decoded:
    """Pictures as bytes.

    Attributes:
        images: (N, C, H, W), mapped into memory from a file.
        skipped: which were left out, by name, and why.
        list_file: where that is written down.
    """

    images: Tensor
    skipped: dict[str, str]
    list_file: Path


def decoded(root: Path, pictures: Sequence[Picture], order: Order, cache: Path) -> Decoded:
    """Return pictures as bytes, in their order; decode them if no process has done so before.

    Args:
        root: the folder that the pictures lie in.
        pictures: which.
        order: what to make of them.
        cache: the folder where bytes are kept, under a hash of names, sizes, times and ``order``.

    Raises:
        OSError: if ``cache`` cannot be written, such as on a full disk.
        ValueError: if a picture cannot be decoded, or ``order`` leaves open what to make of it.
    """
    files = [(picture.name, picture.size, picture.modified) for picture in pictures]
    asked = (order.size, order.fit, order.channels, order.skips)
    described = json.dumps([VERSION, str(root.resolve()), files, asked]).encode()
    key = hashlib.sha256(described).hexdigest()[:24]
    data, description = cache / f"{key}.bytes", cache / f"{key}.json"
    with _writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{key}.lock"):
            if not (description.exists() and data.exists()):
                _write(root, [picture.name for picture in pictures], order, data, description)
    content = json.loads(description.read_text(encoding="utf-8"))
    images = np.memmap(data, np.uint8, mode="c", shape=tuple(content["shape"]))
    return Decoded(torch.from_numpy(images), content["skipped"], description)


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"data.cache={cache} cannot be written: {error}") from error


def _write(root: Path, names: Sequence[str], order: Order, data: Path, description: Path) -> None:
    """Decode all pictures into a file aside; the description comes last and says it is whole."""
    aside = data.with_suffix(".part")
    try:
        with aside.open("wb") as file:
            recipe, skipped = _decode_into(file, root, names, order)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(data)
    finally:
        aside.unlink(missing_ok=True)
    shape = (len(names) - len(skipped), recipe.channels, *recipe.size)
    content = {"root": str(root), "shape": shape, "skipped": skipped}
    write_atomically(description, json.dumps(content, indent=2))


def _decode_into(
    file: BinaryIO, root: Path, names: Sequence[str], order: Order
) -> tuple[Recipe, dict[str, str]]:
    """Write the bytes of all pictures; return what was made of them, and what was left out."""
    recipe = _recipe(root, names, order)
    while True:
        skipped = {}
        try:
            with closing(_results(root, names, recipe)) as results:
                for name, result in zip(names, results, strict=True):
                    if not isinstance(result, str):
                        file.write(result.tobytes())
                    elif order.skips:
                        skipped[name] = result
                    else:
                        raise ValueError(_unreadable(root / name, result))
        except ColourError:  # so far all were grey
            recipe = replace(recipe, channels=3)
            file.seek(0)
            file.truncate()
        except SizeError as error:
            height, width = recipe.size
            raise ValueError(
                f"data.image_size must be given, since the pictures differ in size: {error}, "
                f"others are {height}×{width}"
            ) from error
        else:
            return recipe, skipped


def _recipe(root: Path, names: Sequence[str], order: Order) -> Recipe:
    """Return what to make of the pictures, which the first that can be read decides."""
    for name in names:
        found = look_at(root / name)
        if isinstance(found, str):
            if order.skips:
                continue
            raise ValueError(_unreadable(root / name, found))
        size, channels = found
        return Recipe(
            size=order.size or size,
            channels=order.channels or channels,
            fit=order.fit if order.size else None,
            greys=order.channels is not None,
        )
    raise ValueError(f"data.root={root}: none of {len(names)} pictures can be read")


def _unreadable(path: Path, reason: str) -> str:
    return (
        f"data.root: {path} cannot be read: {reason}; data.on_error=skip leaves out what cannot "
        "be read"
    )


def _results(root: Path, names: Sequence[str], recipe: Recipe) -> Results:
    """Yield what becomes of each picture, in order, and show how far it is."""
    console = Console(stderr=True)
    paths = [root / name for name in names]
    chunks = [paths[start : start + AT_ONCE] for start in range(0, len(paths), AT_ONCE)]
    processes = max(1, min(cpu_count(), len(paths) // FEW))
    # its processes load neither the program nor torch, but the module of ``decode``
    parallel = Parallel(processes, return_as="generator", pre_dispatch=AHEAD)
    decoded_chunks: Any = parallel(delayed(decode)(chunk, recipe) for chunk in chunks)
    shown = track(
        decoded_chunks, "decoding", len(chunks), console=console, transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip
    try:
        yield from chain.from_iterable(shown)
    finally:  # after an error, its processes would go on
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to ask for less
            decoded_chunks.close()
