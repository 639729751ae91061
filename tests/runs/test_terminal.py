"""What is only shown fails nothing."""

import io
import os
import re
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from vae_lab.runs import terminal
from vae_lab.runs.rundir import RunDir

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
    assert ending or b"elbo" in done.stdout


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


def test_jobs_of_a_sweep_stand_in_the_order_of_their_numbers(tmp_path, capsys):
    numbers = ["16", "2", "8", "0.5", "1e-3", "-1"]
    terminal.print_sweep(tmp_path, {f"lr={n},model=mlp": {"status": "failed"} for n in numbers})
    shown = re.findall(r"lr=(\S+),model=mlp .*\n", capsys.readouterr().out)
    assert shown == ["-1", "1e-3", "0.5", "2", "8", "16"]


@pytest.mark.parametrize(
    ("config", "override"),
    [
        ({"trainer": {"max_epochs": 5, "max_time": "00:00:01:00"}}, "trainer.max_epochs=10"),
        ({"trainer": {"max_epochs": 50, "max_time": "00:00:01:00"}}, "trainer.max_time=null"),
        (
            {"trainer": {"max_epochs": 50, "max_time": None}, "callbacks": {"early_stopping": {}}},
            "callbacks.early_stopping=null",
        ),
    ],
)
def test_a_completed_run_goes_on_without_what_ended_it(config, override, tmp_path):
    run = RunDir(tmp_path)
    run.write_config(OmegaConf.create(config), [])
    assert terminal.further(run, epochs=5) == override


def test_what_matters_least_is_left_out_of_a_line_and_its_beginning_never_is():
    parts = [(0, "epoch 1"), (2, "train -1"), (1, "val -2"), (3, "5 images/s")]
    assert terminal.fitted(parts, 80) == "epoch 1  train -1  val -2  5 images/s"
    assert terminal.fitted(parts, 36) == "epoch 1  train -1  val -2"
    assert terminal.fitted(parts, 24) == "epoch 1  val -2"
    assert terminal.fitted(parts, 3) == "epoch 1"
