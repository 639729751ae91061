"""What is only shown fails nothing."""

import os
import subprocess
import sys

import pytest

SHOW = """
from pathlib import Path
from vae_lab.runs import terminal
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.rundir import RunDir

summary = {"metrics": {"test/elbo": -1.0}, "name": "é", "tested": "best", "epochs": 1, "seconds": 1,
           "nll_samples": 1, "status": "completed"}
for _ in range(300):
    terminal.print_outcome(RunDir("µ"), summary)
terminal.say("±")
with told_in_one_line():
    print("→")
"""


@pytest.mark.parametrize("ending", ["", " | head -n 1"], ids=["ascii", "nobody reads"])
def test_a_finished_run_is_shown_wherever_it_is_shown(ending, tmp_path):
    (tmp_path / "show.py").write_text(SHOW, encoding="utf-8")
    command = f"set -o pipefail; {sys.executable} show.py{ending}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "LANG": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not ending or done.stdout.count(b"\n") == 1
    assert ending or b"test/elbo" in done.stdout
