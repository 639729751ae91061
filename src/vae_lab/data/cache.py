"""Bytes of images that were made once, in a file of the cache that is mapped into memory."""

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import track

from vae_lab.data.mapped import MappedImages
from vae_lab.files import write_atomically

SOON = 1.0  # seconds that one waits without a word
Write = Callable[[BinaryIO], Mapping[str, Any]]
Each = TypeVar("Each")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A file of the cache.

    Attributes:
        file: the images, bytes (N, C, H, W).
        content: what was written down about them, their ``shape`` among it.
        list_file: where it was written down.
    """

    file: MappedImages
    content: Mapping[str, Any]
    list_file: Path


def kept(identity: Any, cache: Path, write: Write) -> Kept:  # noqa: ANN401
    """Return images from the cache; make them if no process has done so before.

    Args:
        identity: plain data that differ wherever the bytes do.
        cache: the folder, where a file is called by a hash of ``identity``.
        write: writes the bytes into a file that is open, and returns what is to be known of them:
            their ``shape``, and whatever else.

    Raises:
        OSError: if ``cache`` cannot be written, such as on a full disk.
    """
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
    data, description = cache / f"{key}.bytes", cache / f"{key}.json"
    with _writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / f"{key}.lock"):
            if not _is_whole(data, description):
                _write(write, data, description)
    content = json.loads(description.read_text(encoding="utf-8"))
    return Kept(MappedImages(data, content["shape"]), content, description)


def shown(items: Iterable[Each], what: str, count: int) -> Iterable[Each]:
    """Return ``items``; how far one is with them shows in a terminal."""
    console = Console(stderr=True)
    return track(
        items, what, count, console=console, transient=True, disable=not console.is_terminal
    )


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"data.cache={cache} cannot be written: {error}") from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Keep other processes out; say so if this one has to wait."""
    held = FileLock(lock)
    try:
        held.acquire(timeout=SOON)
    except Timeout:
        logger.warning("another run reads these images; this one goes on when it has done so")
        held.acquire()
    try:
        yield
    finally:
        held.release()


def _is_whole(data: Path, description: Path) -> bool:
    if not (description.exists() and data.exists()):
        return False
    shape = json.loads(description.read_text(encoding="utf-8"))["shape"]
    return data.stat().st_size == math.prod(shape)


def _write(write: Write, data: Path, description: Path) -> None:
    """Write all bytes into a file aside; the description comes last and says it is whole."""
    aside = data.with_suffix(".part")
    try:
        with aside.open("wb") as file:
            content = write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(data)
    finally:
        aside.unlink(missing_ok=True)
    write_atomically(description, json.dumps(content, indent=2))
