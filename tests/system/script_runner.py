"""Runs what lies in ``scripts/``, in this process."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run_script(name: str, *arguments: str | Path) -> None:
    """Run ``python scripts/<name>.py`` with ``arguments``, on a wide terminal.

    Raises:
        SystemExit: whatever the script ends with.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        patch.setenv("COLUMNS", "200")
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")


def refusal_of(name: str, *arguments: str | Path) -> str:
    """Run a script that is to refuse its arguments; return the one line that it says."""
    with pytest.raises(SystemExit) as refusal:
        run_script(name, *arguments)
    line = str(refusal.value)
    assert line.startswith("error: ")
    assert "\n" not in line
    return line
