"""Processes and a run directory: one works there at a time, or several that agree on it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = ".lock"


class LockedError(OSError):
    """Another process works in the run directory."""


@contextmanager
def lock(run_dir: Path) -> Iterator[None]:
    """Keep other processes out of a run directory; however this one ends, the way is free again.

    Raises:
        LockedError: if another process works there.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / LOCK).open("a") as file:
        if not _is_free(file) and not _is_free(file, after=0.2):  # someone may just have looked
            raise LockedError(f"another process trains in {run_dir}; left to it")
        yield


def is_locked(run_dir: Path) -> bool:
    """Tell whether a process works in the run directory."""
    path = run_dir / LOCK
    if not path.exists():
        return False
    with path.open() as file:
        return not _is_free(file, fcntl.LOCK_SH)


def _is_free(file: IO[str], kind: int = fcntl.LOCK_EX, after: float = 0.0) -> bool:
    """Take the lock if nobody holds it, ``after`` so many seconds; tell whether that went well."""
    time.sleep(after)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def begins_a_run() -> bool:
    """Tell whether this process is the first of its run, and not one that torchrun restarted."""
    names = ("RANK", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    return all(os.environ.get(name, "0") == "0" for name in names)


def agreed(name: str, value: str) -> str:
    """Return the value that process 0 had first, if torchrun started several.

    They may not start in one second, and they may be started again.

    Args:
        name: of the value, the same in all processes.
        value: what this process would take.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return value
    from torch._C._distributed_c10d import TCPStore  # noqa: PLC0415 - torch is not needed before

    port = int(os.environ["MASTER_PORT"])
    store = TCPStore(os.environ["MASTER_ADDR"], port, is_master=False)
    key = f"vae_lab/{name}"
    if os.environ["RANK"] == "0":
        store.compare_set(key, "", value)  # unless it is set
    return store.get(key).decode()
