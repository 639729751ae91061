"""What is only shown fails nothing."""

import io
import os
import subprocess
import sys

import pytest

from vae_lab.runs import terminal

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


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_sweep_is_shown_whatever_the_encoding(encoding, tmp_path, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    terminal.print_sweep(tmp_path, {"job": {"status": "failed", "error": "β is ∞"}})
    for stream in streams:
        stream.flush()
    table, lines = (stream.buffer.getvalue().decode(encoding) for stream in streams)
    assert "failed" in table
    assert "job failed: ? is ?" in lines
