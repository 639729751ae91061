"""Ask pip whether every extra, alone and all together, can be added with the constraints.

Nothing is installed::

    python scripts/maintenance/check_extras.py
"""

import os
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 120  # seconds that pip may search


def main() -> None:
    """Check all, say how long each took, and end with status 1 if one failed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = list(tomllib.load(file)["project"]["optional-dependencies"])
    choices = [*extras, ",".join(extras)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(choices, pool.map(_resolves, choices), strict=True))
    failed = [names for names in choices if not found[names]]
    sys.exit(f"cannot be installed: {'; '.join(failed)}" if failed else 0)


def _resolves(names: str) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
    command += ["--constraint", str(ROOT / "constraints.txt"), f"{ROOT}[{names}]"]
    began = time.monotonic()
    try:
        done = subprocess.run(command, timeout=LIMIT, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        print(f"{names}: nothing found within {LIMIT} s", flush=True)
        return False
    outcome = "yes" if done.returncode == 0 else done.stderr
    print(f"{names}: {outcome}, {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
