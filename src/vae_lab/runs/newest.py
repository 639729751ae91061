"""Which run is meant where no single one is named: the newest below a folder."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from vae_lab.runs import terminal
from vae_lab.runs.rundir import RunDir

RUNS = Path("runs")
LATEST = "latest"
MEANT = (
    f"a run directory, or a folder of runs, or {LATEST} for runs/: then its newest run that has a "
    "checkpoint"
)


def newest_runs(root: Path = RUNS, limit: int | None = None) -> list[Path]:
    """Return the runs below a folder that have a checkpoint, those last worked on first.

    Args:
        root: the folder; a run itself counts as well. It need not exist.
        limit: how many at most.
    """
    return list(islice((run.path for run in _begun(root) if run.is_trained), limit))


def the_run(path: str | os.PathLike[str], to_resume: bool = False) -> Path:
    """Return the run directory that a path means, as ``find_run`` does, and say which if need be.

    Raises:
        FileNotFoundError: if there is no such run.
    """
    run, others = find_run(path, to_resume)
    if others is not None:
        which = f"the newest of {others} runs" if others > 1 else "the only run"
        terminal.say(f"{path}: {run}, {which}")
    return run


def find_run(path: str | os.PathLike[str], to_resume: bool = False) -> tuple[Path, int | None]:
    """Return the run directory that a path means, and of how many it is the newest.

    A run directory means itself, and is the newest of None. Another folder means the newest run
    below it, and ``latest`` the newest below ``runs/``: of those that have a checkpoint, or of all
    that have begun to train where one is to go on.

    Raises:
        FileNotFoundError: if there is no such run.
    """
    given = Path(path)
    folder = RUNS if given == Path(LATEST) and not given.exists() else given
    if RunDir(folder).is_composed:
        return folder, None
    if not folder.is_dir():
        raise FileNotFoundError(f"{given} is not a run directory: there is no folder {folder}")
    begun = _begun(folder)
    meant = [run for run in begun if to_resume or run.is_trained]
    if meant:
        return meant[0].path, len(meant)
    raise FileNotFoundError(
        f"{given} is not a run directory: it has no .hydra/config.yaml, and "
        + (f"none of the {len(begun)} runs below it has a checkpoint" if begun
           else "there is no run below it")
    )  # fmt: skip


def _begun(root: Path) -> list[RunDir]:
    """Return the runs in a folder that have begun to train, those last worked on first."""
    begun = [run for run in map(RunDir, _run_folders(root)) if run.is_begun]
    return sorted(begun, key=lambda run: (run.changed, run.path), reverse=True)


def _run_folders(root: Path) -> Iterator[Path]:
    """Yield a folder and those below it, hidden ones left out, that are runs."""
    for place, below, _ in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        if RunDir(place).is_composed:
            below.clear()
            yield Path(place)
