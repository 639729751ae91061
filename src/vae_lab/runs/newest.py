"""Which run is meant where no single one is named: the newest below a folder."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from vae_lab.runs import terminal
from vae_lab.runs.rundir import RunDir

RUNS = Path("runs")
LATEST = "latest"
MEANT = f"a run directory; of a folder of runs, or {LATEST}, the newest run that has a checkpoint"


def newest_runs(root: Path = RUNS, limit: int | None = None) -> list[Path]:
    """Return the runs below a folder that have a checkpoint, those last worked on first.

    Args:
        root: the folder; a run itself counts as well. It need not exist.
        limit: how many at most.
    """
    return list(islice((run.path for run in _begun(root) if run.is_trained), limit))


def the_run(path: str | os.PathLike[str], to_resume: bool = False) -> Path:
    """Return the run directory that a path means, and say which if the path does not.

    A run directory is itself. Of any other folder the newest run below it is meant, and by
    ``latest`` the newest below ``runs/``: of those that have a checkpoint, or to go on with, of all
    that have begun to train.

    Raises:
        FileNotFoundError: if there is no such run.
    """
    given = Path(path)
    folder = RUNS if given == Path(LATEST) and not given.exists() else given
    if RunDir(folder).is_composed:
        return folder
    if not folder.is_dir():
        raise FileNotFoundError(f"{given} is not a run directory: there is no folder {folder}")
    begun = _begun(folder)
    found = next((run.path for run in begun if to_resume or run.is_trained), None)
    if found is None:
        raise FileNotFoundError(
            f"{given} is not a run directory: it has no .hydra/config.yaml, and "
            + (f"none of the {len(begun)} runs below it has a checkpoint" if begun
               else "there is no run below it")
        )  # fmt: skip
    terminal.say(f"{given}: {found}, the newest of {len(begun)}")
    return found


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
