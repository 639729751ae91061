"""Files that are written whole or not at all."""

import os
import tempfile
from functools import cache
from pathlib import Path

MODE = 0o644  # before the process's umask


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, and the folder it lies in, whole or not at all.

    Several processes may write the same file at once: each writes aside, under a name of its own,
    and renames that into place once it lies on the disk.

    Raises:
        OSError: if it cannot be written; what lay at ``path`` is intact.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        ) as file:
            aside = Path(file.name)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(MODE & ~_umask())
        aside.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # names no hidden file
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Find out whether files can be written into a folder, before much work is done.

    Raises:
        OSError: if not.
    """
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


@cache
def _umask() -> int:
    """Return it as it was when a file was first written: asking changes it, for all threads."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
