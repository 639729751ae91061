"""Jobs of a sweep that share something: a process, a machine, a data directory."""

import os
import shutil
import subprocess

import pytest
from command_line import finish, start, train_cold
from tiny import TINY, summary

RECORD = "+hydra.callbacks.record._target_=probes.RecordResults"
SHORTEST = (TINY[0], "experiment=shortest")
LARGER = ("model.encoder.hidden_sizes=[256]", "model.decoder.hidden_sizes=[256]")
JOBS = 14
WARM = 6  # jobs, after which libraries have what they keep
GROWTH = 4_000_000  # bytes; one model with the state of its optimiser has 5 million


def test_memory_does_not_grow_from_job_to_job(folder):
    command = ("-m", *SHORTEST, *LARGER, "sweep.name=memory", f"seed=range(0,{JOBS})", RECORD)
    finish(*command, folder=folder, data=folder)
    lines = (folder / "results.txt").read_text().splitlines()
    memory = [int(line.split()[-1]) for line in lines]
    assert len(memory) == JOBS
    assert memory[-1] - memory[WARM - 1] < GROWTH


def test_jobs_of_several_processes_stop_with_the_sweep_and_go_on(folder):
    probe = "+callbacks.stop={_target_: probes.StopSweep, step: 10, once: stopped}"
    command = ("-m", *TINY, "trainer=ddp_cpu", "data.batch_size=4", "sweep.name=pairs", probe)
    stopped = start(*command, folder=folder, data=folder)
    assert stopped.wait() == 130, stopped.text
    (job,) = [path for path in (folder / "runs" / "pairs").iterdir() if path.is_dir()]
    assert summary(job)["status"] == "interrupted"
    assert summary(job)["steps"] == 12
    assert f"go on     python train.py \"resume='runs/pairs/{job.name}'\"" in stopped.text
    text = finish(*command, folder=folder, data=folder)
    assert summary(job)["status"] == "completed"
    assert summary(job)["hardware"]["processes"] == 2
    assert "pairs: 1 jobs" in text


@pytest.fixture
def read_only(mnist_root, tmp_path):
    """The real MNIST, where not even root can write."""
    folder = tmp_path / "read_only"
    if os.geteuid():
        shutil.copytree(mnist_root, folder)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555)
        yield folder
        return
    folder.mkdir()
    bind = ["mount", "--bind", "-o", "ro", str(mnist_root), str(folder)]
    if subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("root can write anywhere, and may not mount a read-only directory here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_read_only_data_directory_will_do(read_only, tmp_path):
    with pytest.raises(OSError, match=r"Read-only|Permission denied"):
        (read_only / "new").touch()
    command = (*SHORTEST, "data=mnist", "hydra.run.dir=run")
    finish(*command, folder=tmp_path, data=read_only)
    assert summary(tmp_path / "run")["status"] == "completed"


def test_a_sweep_whose_worker_is_killed_is_shown_and_goes_on(folder):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    probe = "+callbacks.kill={_target_: probes.Signal, name: SIGKILL, step: 3, once: shot}"
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command = ("-m", *TINY, "latent_dim=2,3", "sweep.name=shot", probe)
    done = train_cold(*command, *joblib, folder=folder, data=folder)
    assert done.returncode == 1
    assert "shot: " in done.stdout
    assert "failed: its process was killed" in done.stderr
    assert "shot: 2 jobs" in finish(*command, folder=folder, data=folder)  # one after the other


def test_two_jobs_at_once_begin_with_an_empty_data_directory(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep.name=two")
    jobs = (*SHORTEST, "data=mnist", "latent_dim=2,3")
    done = train_cold("-m", *jobs, *joblib, folder=tmp_path, data=tmp_path / "data")
    assert done.returncode == 0, done.stdout + done.stderr
    for latent_dim in (2, 3):
        job = tmp_path / "runs" / "two" / f"data=mnist,experiment=shortest,latent_dim={latent_dim}"
        assert summary(job)["status"] == "completed"
