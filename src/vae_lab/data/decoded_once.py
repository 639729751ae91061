"""Pictures decoded once, into a file of bytes that is mapped into memory."""

import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from joblib import Parallel, cpu_count, delayed

from vae_lab.data.cache import kept, shown
from vae_lab.data.mapped import MappedImages
from vae_lab.decoding import (
    ColourError,
    Encoded,
    Fit,
    Recipe,
    SizeError,
    decode,
    leave_interrupts,
    look_at,
)

VERSION = 1  # of what is made of a picture
AT_ONCE = 200  # pictures that a process decodes before it hands them over
AHEAD = "4*n_jobs"  # such portions that may wait to be written
FEW = 2000  # pictures that one process decodes before others have started
NAMED = 3  # of the pictures that were left out
Results = Generator[np.ndarray | str, None, None]

logger = logging.getLogger(__name__)


class Pictures(Protocol):
    """Pictures that are not decoded yet, in their order.

    Attributes:
        root: where they lie, for messages.
        identity: plain data that differ wherever the pictures do.
        names: of the pictures, all different.
    """

    root: str
    identity: Any
    names: Sequence[str]

    def __getitem__(self, part: slice) -> Sequence[Encoded]:
        """Return some of the pictures, each as a file or as what such a file holds."""
        ...


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
        file: that holds them, (N, C, H, W).
        skipped: which were left out, by name, and why.
    """

    file: MappedImages
    skipped: dict[str, str]


def decoded(pictures: Pictures, order: Order, cache: Path) -> Decoded:
    """Return pictures as bytes, in their order; decode them if no process has done so before.

    Args:
        pictures: which.
        order: what to make of them.
        cache: the folder where bytes are kept, under a hash of the pictures' identity and
            ``order``.

    Raises:
        OSError: if ``cache`` cannot be written, such as on a full disk.
        ValueError: if a picture cannot be decoded, or ``order`` leaves open what to make of it.
    """
    asked = (order.size, order.fit, order.channels, order.skips)
    identity = [VERSION, *pictures.identity, asked]
    result = kept(identity, cache, lambda file: _decode_into(file, pictures, order))
    skipped = result.content["skipped"]
    _tell(skipped, len(pictures.names), result.list_file)
    return Decoded(result.file, skipped)


def _tell(skipped: Mapping[str, str], count: int, list_file: Path) -> None:
    """Say which pictures were left out, if any were."""
    if not skipped:
        return
    told = [f"{name} ({why})" for name, why in list(skipped.items())[:NAMED]]
    others = " and others" if len(skipped) > NAMED else ""
    logger.warning(
        "%d of %d pictures were left out: %s%s; all are listed in %s",
        len(skipped), count, ", ".join(told), others, list_file,
    )  # fmt: skip


def _decode_into(file: BinaryIO, pictures: Pictures, order: Order) -> dict[str, Any]:
    """Write the bytes of all pictures; return their shape, and what was left out."""
    recipe = _recipe(pictures, order)
    while True:
        skipped = {}
        try:
            with closing(_results(pictures, recipe)) as results:
                for name, result in zip(pictures.names, results, strict=True):
                    if not isinstance(result, str):
                        file.write(result.tobytes())
                    elif order.skips:
                        skipped[name] = result
                    else:
                        raise ValueError(_unreadable(pictures, name, result))
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
            shape = (len(pictures.names) - len(skipped), recipe.channels, *recipe.size)
            return {"root": pictures.root, "shape": shape, "skipped": skipped}


def _recipe(pictures: Pictures, order: Order) -> Recipe:
    """Return what to make of the pictures, which the first that can be read decides."""
    for number, name in enumerate(pictures.names):
        found = look_at(pictures[number : number + 1][0])
        if isinstance(found, str):
            if order.skips:
                continue
            raise ValueError(_unreadable(pictures, name, found))
        size, channels = found
        return Recipe(
            size=order.size or size,
            channels=order.channels or channels,
            fit=order.fit if order.size else None,
            greys=order.channels is not None,
        )
    raise ValueError(
        f"data.root={pictures.root}: none of {len(pictures.names)} pictures can be read"
    )


def _unreadable(pictures: Pictures, name: str, reason: str) -> str:
    return (
        f"data.root: {pictures.root}/{name} cannot be read: {reason}; data.on_error=skip leaves "
        "out what cannot be read"
    )


def _results(pictures: Pictures, recipe: Recipe) -> Results:
    """Yield what becomes of each picture, in order, and show how far it is."""
    count = len(pictures.names)
    starts = range(0, count, AT_ONCE)
    chunks = (pictures[start : start + AT_ONCE] for start in starts)
    processes = max(1, min(cpu_count(), count // FEW))
    # its processes load neither the program nor torch, but the module of ``decode``
    parallel = Parallel(
        processes, return_as="generator", pre_dispatch=AHEAD, initializer=leave_interrupts
    )
    decoded_chunks: Any = parallel(delayed(decode)(chunk, recipe) for chunk in chunks)
    try:
        yield from chain.from_iterable(shown(decoded_chunks, "decoding", len(starts)))
    finally:  # after an error, its processes would go on
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to ask for less
            decoded_chunks.close()
