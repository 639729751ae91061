"""A named sweep can be given again after whatever went wrong, and then does what is missing."""

import os
import shutil
import signal
import subprocess
import sys

import hydra
import pytest
from command_line import ROOT, finish, start
from tiny import HERE, TINY, assert_same, summary

from vae_lab.runs import sweeps
from vae_lab.runs.rundir import RunDir

SHORTEST = (TINY[0], "experiment=shortest")
RECORD = "+hydra.callbacks.record._target_=probes.RecordResults"
TROUBLED = ("experiment=troubled", "sweep.name=troubled")


@pytest.fixture(scope="module")
def plain(folder):
    """The directory of a sweep that nothing happens to."""
    finish("-m", *TINY, "sweep.name=plain", "latent_dim=2,3,4", folder=folder, data=folder)
    return folder / "runs" / "plain"


@pytest.fixture(scope="module")
def troubled(folder, plain):
    """What three attempts at a sweep wrote: the first is killed, in the next two jobs fail."""

    def attempt(*overrides, status):
        (folder / "results.txt").unlink(missing_ok=True)
        running = start("-m", TINY[0], *overrides, RECORD, folder=folder, data=folder)
        assert running.wait() == status, running.text
        lines = (folder / "results.txt").read_text().splitlines()
        returned = {int(line.split()[0]): line.split()[1] for line in lines}
        return running.text, returned

    attempts = [
        attempt(*TROUBLED, "latent_dim=2,3", status=-9),
        attempt("latent_dim=0,2,3,4", *TROUBLED, status=1),
        attempt(*TROUBLED, "latent_dim=0,2,3,4", status=1),
    ]
    return folder / "runs" / "troubled", attempts


def job(sweep, latent_dim):
    return sweep / f"experiment={sweep.name.replace('plain', 'tiny')},latent_dim={latent_dim}"


def trained(text):
    """Return how often training began or went on, by what the progress bar wrote."""
    return text.count("epoch   1/3")


def test_a_job_has_one_directory_whatever_the_order_of_its_overrides(troubled):
    sweep, _ = troubled
    expected = {job(sweep, latent_dim) for latent_dim in (0, 2, 3, 4)}
    assert {path for path in sweep.iterdir() if path.is_dir()} == expected


def test_finished_jobs_are_skipped_and_hand_back_their_metric(troubled):
    sweep, [(_, first), (text, second), _] = troubled
    assert f"{job(sweep, 2).name} is done already" in text
    assert first[2] == second[2] == str(summary(job(sweep, 2))["metrics"]["val/elbo"])


@pytest.mark.parametrize("latent_dim", [2, 3, 4])
def test_killed_and_failed_jobs_end_as_if_nothing_had_been(latent_dim, troubled, plain):
    sweep, _ = troubled
    assert_same(job(sweep, latent_dim), job(plain, latent_dim))


def test_a_failed_job_does_not_end_the_sweep_and_is_tried_again(troubled):
    _, [(first, _), (second, returned), (third, again)] = troubled
    assert (trained(first), trained(second), trained(third)) == (2, 1, 0)
    assert returned[0] == returned[4] == again[0] == "None"
    assert again[4] != "None"
    for text in (second, third):
        assert text.count("error: latent_dim must be at least 1, got 0") == 1
        assert "latent_dim=0 failed: latent_dim must be at least 1, got 0" in text
        assert "Traceback" not in text
    assert "latent_dim=4 failed: train/loss is nan at step 10" in second
    assert "latent_dim=4 failed" not in third
    assert "troubled: 4 jobs" in third


def test_two_processes_share_the_jobs_of_a_sweep(folder):
    command = ("-m", *TINY, "sweep.name=shared", "latent_dim=2,3,4,5")
    both = [start(*command, folder=folder, data=folder) for _ in range(2)]
    assert [running.wait() for running in both] == [0, 0]
    assert sum(trained(running.text) for running in both) == 4
    assert "; left to it" in "".join(running.text for running in both)
    for latent_dim in (2, 3, 4, 5):
        path = folder / "runs" / "shared" / f"experiment=tiny,latent_dim={latent_dim}"
        assert summary(path)["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "naming", "first", "second"),
    [
        ("number", "hydra.sweep.subdir=${hydra.job.num}", "latent_dim=2", "latent_dim=3"),
        ("seeds", "hydra.job.config.override_dirname.exclude_keys=[seed]", "seed=0", "seed=0,1"),
    ],
)
def test_a_job_is_refused_a_directory_that_is_anothers(folder, name, naming, first, second):
    command = ("-m", *SHORTEST, f"sweep.name={name}", naming)
    finish(*command, first, folder=folder, data=folder)
    (run,) = [RunDir(path) for path in (folder / "runs" / name).iterdir() if path.is_dir()]
    before = run.config_file.read_text(), run.summary()
    refused = start(*command, second, folder=folder, data=folder)
    assert refused.wait() == 1
    assert "holds another job" in refused.text
    assert (run.config_file.read_text(), run.summary()) == before


def test_values_of_a_job_are_fixed_when_it_begins(folder):
    command = ("-m", *SHORTEST, "sweep.name=0", "seed=${hydra:job.num}", "latent_dim=2,3",
               "name=from_${now:%Y}")  # fmt: skip
    finish(*command, folder=folder, data=folder)
    runs = RunDir.begun_in(folder / "runs" / "0")
    assert [run.settings()["seed"] for run in runs] == [0, 1]
    assert all(run.settings()["name"].startswith("from_2") for run in runs)
    runs[0].open_model()
    assert finish(*command, folder=folder, data=folder).count("is done already") == 2


def test_a_damaged_summary_of_another_job_hides_no_failure(folder):
    command = ("-m", *SHORTEST, "sweep.name=damaged")
    finish(*command, "latent_dim=2", folder=folder, data=folder)
    (run,) = RunDir.begun_in(folder / "runs" / "damaged")
    run.summary_file.write_text("{")
    failed = start(*command, "latent_dim=0", folder=folder, data=folder)
    assert failed.wait() == 1
    assert "damaged: 2 jobs" in failed.text
    assert f"{run.name} damaged: {run.summary_file.relative_to(folder)} is damaged" in failed.text


def test_a_run_in_progress_cannot_be_resumed(folder):
    slow = "+callbacks.slow={_target_: probes.Slow, seconds: 60}"
    busy = start(*TINY, "hydra.run.dir=busy", slow, folder=folder, data=folder)
    try:
        busy.wait_until((folder / "busy" / "summary.json").exists)
        refused = start("resume=busy", folder=folder, data=folder)
        assert refused.wait() == 1
    finally:
        busy.process.kill()
        busy.wait()
    assert f"error: another process trains in {folder}/busy" in refused.text
    assert "Traceback" not in refused.text
    assert not RunDir(folder / "busy").is_locked()


def test_a_sweep_keeps_its_configuration(folder):
    conf = shutil.copytree(HERE / "conf", folder / "conf")
    command = (f"--config-dir={conf}", "-m", "experiment=tiny", "trainer.max_epochs=1")
    command += ("sweep.name=changed", "latent_dim=2")
    finish(*command, folder=folder, data=folder)
    tiny = conf / "experiment" / "tiny.yaml"
    tiny.write_text(tiny.read_text().replace("batch_size: 8", "batch_size: 4"))
    refused = start(*command, folder=folder, data=folder)
    assert refused.wait() == 1
    (line,) = refused.text.strip().splitlines()
    assert line.startswith(
        "error: the configuration has changed since experiment=tiny,latent_dim=2"
    )
    assert "(data.batch_size: 8 → 4)" in line


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sweep.name=a/b", "error: sweep.name is a folder in runs/, of letters, digits"),
        ("latnt_dim=2,3", "there is no latnt_dim; did you mean latent_dim=2,3?"),
        ("resume=a,b", "error: resume= goes on with one run, without --multirun"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(override, message, folder):
    refused = start("-m", *TINY, override, folder=folder, data=folder)
    assert refused.wait() == 1
    assert message in refused.text
    assert "Traceback" not in refused.text


@pytest.mark.filterwarnings("ignore:\\s*'hydra/launcher/\\w+' is validated")
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm", "ray"])
def test_a_launcher_that_is_not_installed_says_how_to_install_it(launcher, monkeypatch):
    sweeps.register()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = hydra.compose("train", [f"hydra/launcher={launcher}"], return_hydra_config=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    extra = launcher.partition("_")[0]
    message = rf"hydra/launcher={launcher} is not installed: pip install 'vae-lab\[{extra}\]'"
    with pytest.raises(SystemExit, match=message):
        sweeps.PrepareSweep().on_multirun_start(config)


def test_a_job_that_ends_while_one_looks_has_not_been_killed(tmp_path, monkeypatch):
    run = RunDir(tmp_path)
    run.write_summary({"status": "running"})

    def ends(job):
        job.write_summary({"status": "completed"})
        return False

    assert sweeps._outcome(run)["status"] == "failed"
    monkeypatch.setattr(RunDir, "is_locked", ends)
    assert sweeps._outcome(run)["status"] == "completed"


def test_a_scheduler_has_the_last_word_once_the_child_has_ended():
    told = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: told.append(number))
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(130)); "
        "print(flush=True); time.sleep(60)"
    )
    try:
        with (
            subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child,
            sweeps._signals_go_to(child),
        ):
            child.stdout.readline()
            os.kill(os.getpid(), signal.SIGUSR2)
            assert (child.wait(), told) == (130, [])
        assert told == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_long_and_unusual_names_are_shortened_with_a_hash():
    plain = "latent_dim=2,model=conv"
    assert sweeps.job_directory(plain) == plain
    long = [f"name={'x' * 300}{end}" for end in "ab"]
    names = [sweeps.job_directory(name) for name in [*long, "data.root=/a", "data.root=_a"]]
    assert len(set(names)) == len(names)
    assert all(len(name) <= sweeps.LONGEST_NAME for name in names)
    assert not any("/" in name for name in names)
