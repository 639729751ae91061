"""Jobs on a SLURM cluster, as far as a machine without one can tell."""

import json
import os
import subprocess
import sys

import fake_slurm
import pytest
from command_line import ROOT, environment_with
from tiny import signal_at

pytest.importorskip("submitit", reason="pip install 'vae-lab[submitit]'")
SWEEP = (
    "-m",
    "hydra/launcher=submitit_slurm",
    "hydra.launcher.partition=gpu",
    "hydra.launcher.timeout_min=30",
    "sweep.name=cluster",
    "debug=fast",
    "pictures_every_n_epochs=9",
    "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
    "seed=0,1",
)
PREEMPTED_AT = 12  # of 20 steps
PREEMPT = signal_at(PREEMPTED_AT, "SIGUSR2")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, mnist_root):
    """A sweep whose jobs were preempted once, and what stood in the terminal."""
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "bin").mkdir()
    environment = os.environ | environment_with(mnist_root) | fake_slurm.install(folder / "bin")
    command = [sys.executable, str(ROOT / "train.py"), *SWEEP, PREEMPT]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_batch_script_asks_for_what_was_configured(cluster):
    script = (cluster / "bin" / "script_1.sh").read_text()
    for line in ("--array=0-1%2", "--partition=gpu", "--time=30", "--signal=USR2@120",
                 "--cpus-per-task=1", "--nodes=1"):  # fmt: skip
        assert f"#SBATCH {line}\n" in script


def test_a_preempted_job_is_queued_again_and_goes_on(cluster):
    summaries = list((cluster / "runs" / "cluster").glob("*/summary.json"))
    assert [json.loads(path.read_text())["status"] for path in summaries] == ["completed"] * 2
    logs = [log.read_text() for log in (cluster / "bin").glob("task_*.log")]
    assert len(logs) == 2
    for log in logs:
        assert "Requeued job" in log
        assert log.count("epoch   1/2") == 1  # the first epoch was not trained again
