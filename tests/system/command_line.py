"""Runs ``train.py`` as a user does: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def train(*overrides: str, folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python train.py`` with ``overrides``, with ``folder`` as the working directory."""
    environment = os.environ | {
        "VAE_LAB_DATA": str(data),
        "PYTHONPATH": str(Path(__file__).parent),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *overrides],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
