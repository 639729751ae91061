"""Programs in a process of their own, which know nothing of the one that wrote their files."""

import subprocess
import sys
from pathlib import Path

AT_THE_END = "import sys; print('loaded:', *(m for m in {modules!r} if m in sys.modules))"


def run_fresh(code: str, folder: Path, without: tuple[str, ...] = ()) -> None:
    """Run ``code`` in ``folder``, with warnings as errors.

    Raises:
        AssertionError: if it fails, or has loaded a module that it is to do ``without``.
    """
    program = f"{code}\n{AT_THE_END.format(modules=without)}"
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
