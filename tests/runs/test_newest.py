"""Which run a folder of runs means."""

import os

import pytest
from run_folders import make_run, write_best

from vae_lab.runs.newest import newest_runs, the_run


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """``runs/`` with a run, a sweep, and a newer run that ended before its first epoch."""
    monkeypatch.chdir(tmp_path)
    names = ["vae/b", "sweep/seed=1", "vae/a", "sweep/seed=2", "crashed/c"]
    for moment, name in enumerate(names):
        run = tmp_path / "runs" / name
        make_run(run)
        if name != "crashed/c":
            write_best(run)
        os.utime(run / "summary.json", (moment, moment))
    make_run(tmp_path / "runs" / "refused", status=None)
    return tmp_path / "runs"


def names(paths):
    return [path.as_posix() for path in paths]


def test_runs_are_listed_newest_first_wherever_they_lie(runs):
    everything = ["runs/sweep/seed=2", "runs/vae/a", "runs/sweep/seed=1", "runs/vae/b"]
    assert names(newest_runs()) == everything
    assert names(newest_runs(limit=2)) == everything[:2]
    assert names(newest_runs(runs / "vae" / "a")) == [f"{runs}/vae/a"]
    assert newest_runs(runs / "nowhere") == []


@pytest.mark.parametrize(
    ("given", "to_resume", "run"),
    [
        ("latest", False, "runs/sweep/seed=2"),
        ("latest", True, "runs/crashed/c"),
        ("runs/vae", False, "runs/vae/a"),
        ("runs/sweep", True, "runs/sweep/seed=2"),
    ],
)
def test_a_folder_means_its_newest_run_and_that_is_said(given, to_resume, run, runs, capsys):
    assert the_run(given, to_resume).as_posix() == run
    assert f"{given}: {run}, the newest of " in capsys.readouterr().err


def test_a_run_means_itself_and_nothing_is_said(runs, capsys):
    assert the_run("runs/crashed/c").as_posix() == "runs/crashed/c"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("runs/nowhere", "there is no folder runs/nowhere"),
        ("runs/crashed", "none of the 1 runs below it has a checkpoint"),
        ("runs/vae/a/checkpoints", "there is no run below it"),
    ],
)
def test_a_folder_without_runs_says_what_is_missing(given, reason, runs):
    with pytest.raises(FileNotFoundError, match=f"^{given} is not a run directory: .*{reason}"):
        the_run(given)
