"""What more processes buy on this machine: one run on two, and a sweep of small runs.

Every contender is a command in a process of its own, as users give it; they take turns, and the
best of several turns counts. ``start-up`` is a job that trains for one batch: in a fresh process,
and as one more job of a sweep.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.memory import peak_resident_mib
from vae_lab.runs.rundir import RunDir

ROOT = Path(__file__).parents[2]
HOUR = 3600
JOBS = 8
EPOCHS = 3
QUIET = ("pictures_every_n_epochs=100", "evaluation.num_samples=10")
ONE_RUN = {
    "1 process, 1 thread": (1, ()),
    "1 process, 2 threads": (2, ()),
    "2 processes, 1 thread each": (1, ("trainer=ddp_cpu", "trainer.devices=2")),
}
SWEEPS = {
    "one after the other": (),
    "joblib, 2 at once": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit_local, 2 at once": (
        "hydra/launcher=submitit_local",
        "hydra.sweeper.max_batch_size=2",
    ),
}
ONE_BATCH = tuple(f"+trainer.limit_{split}_batches=1" for split in ("train", "val", "test"))


def train(*options: str, threads: int = 1) -> float:
    """Run ``train.py``; return its seconds."""
    data = os.environ.get("VAE_LAB_DATA", str(ROOT / "data"))
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "VAE_LAB_DATA": data}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *options, *QUIET],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def epoch_seconds(folder: Path, threads: int, options: tuple[str, ...]) -> float:
    """Train for some epochs at the same global batch size; return the seconds of one."""
    directory = f"hydra.run.dir={folder}"
    train(*options, directory, f"trainer.max_epochs={EPOCHS}", "data.global_batch_size=128",
          threads=threads)  # fmt: skip
    return RunDir(folder).summary()["training_seconds"] / EPOCHS


def sweep_seconds(folder: Path, jobs: int, *options: str) -> float:
    """Run a sweep of single-threaded jobs; return its seconds."""
    seeds = ",".join(map(str, range(jobs)))
    return train("-m", f"hydra.sweep.dir={folder}", f"seed={seeds}", *options)


def run(rounds: int) -> tuple[dict[str, Any], Table]:
    """Measure; return the report and a table."""
    epochs = dict.fromkeys(ONE_RUN, float("inf"))
    sweeps = dict.fromkeys(SWEEPS, float("inf"))
    starts = {"fresh process": float("inf"), "next job of a sweep": float("inf")}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(rounds):
            folder = Path(scratch) / str(turn)
            for number, (name, (threads, options)) in enumerate(ONE_RUN.items()):
                seconds = epoch_seconds(folder / f"run_{number}", threads, options)
                epochs[name] = min(epochs[name], seconds)
            for number, (name, options) in enumerate(SWEEPS.items()):
                sweep = folder / f"sweep_{number}"
                seconds = sweep_seconds(sweep, JOBS, "trainer.max_epochs=2", *options)
                sweeps[name] = min(sweeps[name], seconds)
            one = sweep_seconds(folder / "start", 1, "trainer.max_epochs=1", *ONE_BATCH)
            all_jobs = sweep_seconds(
                folder / "starts", 1 + JOBS, "trainer.max_epochs=1", *ONE_BATCH
            )
            starts["fresh process"] = min(starts["fresh process"], one)
            following = (all_jobs - one) / JOBS
            starts["next job of a sweep"] = min(starts["next job of a sweep"], following)
    table = Table(title="what more processes buy, best of several")
    for column in ("", "seconds an epoch", "jobs an hour", "times the first", "start-up, s"):
        table.add_column(column, justify="right")
    first_epoch, first_sweep = epochs["1 process, 1 thread"], sweeps["one after the other"]
    for name, seconds in epochs.items():
        table.add_row(name, f"{seconds:.2f}", "", f"{first_epoch / seconds:.2f}", "")
    for name, seconds in sweeps.items():
        jobs = f"{JOBS * HOUR / seconds:.0f}"
        table.add_row(name, "", jobs, f"{first_sweep / seconds:.2f}", "")
    for name, seconds in starts.items():
        table.add_row(name, "", "", "", f"{seconds:.1f}")
    report = {
        "epoch_seconds": epochs,
        "sweep_seconds": sweeps,
        "jobs": JOBS,
        "startup_seconds": starts,
        "rounds": rounds,
        "peak_resident_mib": peak_resident_mib(children=True),
    }
    return report, table
