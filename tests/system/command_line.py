"""Runs ``train.py`` as a user does: in a process of its own."""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LONGEST = 300  # seconds

# Processes that have torch loaded when they begin: a cold start takes seconds.
os.environ["OMP_NUM_THREADS"] = "1"  # they inherit it
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["vae_lab.training.train"])


@dataclass
class Running:
    """``python train.py`` in progress."""

    process: ForkServerProcess
    output: Path
    errors: Path

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def text(self) -> str:
        """What it and its children have written to the terminal so far, errors at the end."""
        return self.output.read_text() + self.errors.read_text()

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait for what it is to do next."""
        end = time.monotonic() + LONGEST
        while not condition():
            assert self.process.is_alive(), self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.02)

    def wait(self, seconds: float = LONGEST) -> int:
        """Wait for its end, and return the exit status; minus the signal that ended it."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"still running:\n{self.text}"
        return self.process.exitcode


def start(*overrides: str, folder: Path, data: Path) -> Running:
    """Begin ``python train.py`` with ``overrides`` in ``folder``; torch is loaded already."""
    now = time.monotonic_ns()
    output, errors = folder / f"output_{now}.txt", folder / f"errors_{now}.txt"
    for path in (output, errors):
        path.touch()
    process = _forks.Process(target=_main, args=(overrides, folder, data, output, errors))
    process.start()
    return Running(process, output, errors)


def train(*overrides: str, folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python train.py`` with ``overrides`` in ``folder`` to its end, however it ends."""
    running = start(*overrides, folder=folder, data=data)
    status = running.wait()
    return subprocess.CompletedProcess(
        overrides, status, running.output.read_text(), running.errors.read_text()
    )


def train_cold(*overrides: str, folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Do the same in an interpreter that has loaded nothing yet, as a user's has not.

    So must runs that share out their jobs by joblib, which does not end in a forked process.
    """
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *overrides],
        cwd=folder,
        env=os.environ | environment_with(data),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )


def finish(*overrides: str, folder: Path, data: Path) -> str:
    """Run ``python train.py`` to its end, which must be a good one; return what it wrote."""
    running = start(*overrides, folder=folder, data=data)
    assert running.wait() == 0, running.text
    return running.text


def _main(overrides: tuple[str, ...], folder: Path, data: Path, output: Path, errors: Path) -> None:
    import torch  # noqa: PLC0415 - most tests do not come here

    for path, stream in ((output, sys.stdout), (errors, sys.stderr)):
        with path.open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.update(environment_with(data))
    torch.set_num_threads(1)
    os.chdir(folder)
    sys.argv = [str(ROOT / "train.py"), *overrides]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # which processes of multiprocessing leave out


def environment_with(data: Path) -> dict[str, str]:
    """Return the variables of a process that finds these data, and the tests' own callbacks."""
    path = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "VAE_LAB_DATA": str(data),
        "PYTHONPATH": os.pathsep.join(path),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
