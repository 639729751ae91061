"""A SLURM of one machine, for tests: ``sbatch``, ``srun``, ``sacct`` and ``scontrol requeue``.

It runs the batch script that it is given, as it is, once for each task of its array. Every script
handed to ``sbatch`` is kept as ``script_<job>.sh`` in the folder ``$FAKE_SLURM``.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scontrol")
JOB = "1"


def install(folder: Path) -> dict[str, str]:
    """Make the commands in ``folder``; return the environment in which they are found."""
    for command in COMMANDS:
        path = folder / command
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {command} "$@"\n')
        path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "FAKE_SLURM": str(folder)}


def start(task: str, after: int | None = None) -> None:
    """Start one task of the array, as a node of the cluster would, once a process has ended."""
    folder = Path(os.environ["FAKE_SLURM"])
    environment = os.environ | {
        "SLURM_JOB_ID": JOB,
        "SLURM_ARRAY_JOB_ID": JOB,
        "SLURM_ARRAY_TASK_ID": task,
        "SLURM_NTASKS": "1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_JOB_NODELIST": "localhost",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
    }
    wait = f"while kill -0 {after} 2>/dev/null; do sleep 0.1; done;" if after else ""
    with (folder / f"task_{task}.log").open("a") as log:
        subprocess.Popen(
            ["bash", "-c", f"{wait} exec bash {folder / f'script_{JOB}.sh'}"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def sbatch(script: str) -> None:
    """Start every task of an array."""
    kept = Path(os.environ["FAKE_SLURM"]) / f"script_{JOB}.sh"
    shutil.copy(script, kept)
    array = re.search(r"--array=0-(\d+)", kept.read_text())
    for task in range(int(array[1]) + 1 if array else 1):
        start(str(task))
    print(f"Submitted batch job {JOB}")  # noqa: T201 - what sbatch says


def srun(*arguments: str) -> None:
    """Run what stands behind srun's own options."""
    command = list(arguments)
    while command[0].startswith("-"):
        command = command[2 if command[0] in ("--output", "--error") else 1 :]
    os.execvp(command[0], command)


def scontrol(action: str, job: str) -> None:
    """Queue a task again, or name a node."""
    if action == "requeue":
        start(job.partition("_")[2], after=os.getppid())


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if name != "sacct":
        {"sbatch": sbatch, "srun": srun, "scontrol": scontrol}[name](*rest)
