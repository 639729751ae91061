"""What a run ran on: versions, code and hardware, for its summary."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PACKAGES = ("vae-lab", "torch", "torchvision", "lightning", "hydra-core", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide about numbers."""
    return {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}}


def installed(package: str) -> str:
    """Return the version of a package; ``not installed`` where its source lies on the path."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def git_commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit that holds this package's code, ``-dirty`` if changed since.

    Returns:
        None outside git, and where a repository has the package among files that it ignores.
    """
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        _git(file.parent, "ls-files", "--error-unmatch", file.name)
        return _git(file.parent, *describe)
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def processor_cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware(device: "torch.device", processes: int) -> dict[str, str | int]:
    """Return what computed: the processor or accelerator, threads, processes."""
    import torch  # noqa: PLC0415 - composing a run does not need it

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        described = cpuinfo.read_text(encoding="utf-8").splitlines()
        lines = [line for line in described if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return {
        "device": device.type,
        "name": name,
        "threads": torch.get_num_threads(),
        "processes": processes,
    }
