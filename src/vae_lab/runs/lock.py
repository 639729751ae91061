"""A lock that a process holds on a file, so that one process at a time works in a folder."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor

PATIENCE = 0.2  # seconds; whoever only asks whether a lock is free takes it for a moment
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class LockedError(OSError):
    """Another process works in the run directory."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock on a file, which is made if need be and stays.

    The lock is the operating system's: it is free again however this process ends.

    Raises:
        LockedError: if another process holds it.
        OSError: if the file cannot be made, or its file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if not _take(file.fileno(), path):
            raise LockedError(f"another process trains in {path.parent}; left to it")
        yield


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock on a file.

    Raises:
        OSError: if the file cannot be read, or its file system knows no locks.
    """
    if not path.exists():
        return False
    with path.open("rb") as file:
        return not _take(file.fileno(), path)


def _take(descriptor: int, path: Path) -> bool:
    """Take the lock until the descriptor is closed; tell whether it could be had in time."""
    end = time.monotonic() + PATIENCE
    try:
        while not (is_taken := lock_descriptor(descriptor, blocking=False)):
            if time.monotonic() > end:
                break
            time.sleep(PATIENCE / 4)
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        raise OSError(
            f"{path.parent} lies on a file system without file locks ({error.strerror}); put runs "
            "on another one, with hydra.run.dir= or hydra.sweep.dir="
        ) from error
    return is_taken
