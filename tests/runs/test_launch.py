"""Where a run begins, and what a resumed one may change."""

import os
from pathlib import Path

import pytest
from command_line import ROOT
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf
from torch.distributed import TCPStore

from vae_lab.runs import launch, rundir
from vae_lab.runs.agreement import agreed
from vae_lab.runs.rundir import RunDir


def hydra_config(run_dir, *overrides, resume=None, name="vae", chdir=False):
    """Return as much of a composed configuration as the callback reads."""
    hydra = {
        "run": {"dir": str(run_dir)},
        "job": {"chdir": chdir},
        "runtime": {"cwd": str(Path.cwd())},
        "overrides": {"hydra": list(overrides)},
    }
    return OmegaConf.create({"resume": resume, "name": name, "hydra": hydra})


def begin(config):
    launch.PrepareRun().on_run_start(config)
    return config.hydra.run.dir


def test_runs_of_one_second_get_directories_of_their_own(tmp_path):
    names = [begin(hydra_config(tmp_path / "vae" / "05-08-46")) for _ in range(3)]
    expected = ["05-08-46", "05-08-46_2", "05-08-46_3"]
    assert names == [str(tmp_path / "vae" / name) for name in expected]
    assert all(path.is_dir() for path in (tmp_path / "vae").iterdir())


def test_a_directory_that_was_chosen_is_used_once(tmp_path):
    config = hydra_config(tmp_path, f"hydra.run.dir={tmp_path}")
    assert begin(config) == begin(config) == str(tmp_path)  # nothing was trained there
    refusal = "holds a run already; continue it with resume="
    with RunDir(tmp_path).lock(), pytest.raises(SystemExit, match=refusal):
        begin(config)
    RunDir(tmp_path).write_summary({"status": "completed"})
    with pytest.raises(SystemExit, match=refusal):
        begin(config)
    with pytest.raises(FileExistsError, match=refusal):
        launch.compose(ROOT / "conf", tmp_path, [])


def test_a_directory_that_is_named_by_what_hydra_knows_is_used_once_too(tmp_path, monkeypatch):
    setup_globals()
    monkeypatch.chdir(tmp_path)
    place = "${hydra:runtime.cwd}/out"
    RunDir(tmp_path / "out").write_summary({"status": "completed"})
    with pytest.raises(SystemExit, match="holds a run already"):
        begin(hydra_config(place, f"hydra.run.dir={place}"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chdir": True}, "error: hydra.job.chdir=true is refused"),
        ({"name": "../x"}, "error: name is a folder below runs/, got ../x"),
        ({"name": "/x"}, "error: name is a folder below runs/, got /x"),
    ],
)
def test_runs_lie_where_one_looks_for_them(wrong, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        begin(hydra_config(tmp_path / "run", **wrong))


@pytest.mark.parametrize("name", ["x (1)", "ü", "a#b", "a,b", "a=b", "a[b]", "it's", "a&b"])
def test_a_notebook_may_call_the_directory_as_it_likes(name, tmp_path):
    config = launch.compose(ROOT / "conf", tmp_path / name, [])
    assert config.run_dir == str(tmp_path / name)
    assert RunDir(tmp_path / name).config().latent_dim == config.latent_dim


def test_what_goes_on_may_be_the_newest_run_of_a_folder(tmp_path, monkeypatch):
    for name in ("a", "b"):
        launch.compose(ROOT / "conf", tmp_path / name, [])
        RunDir(tmp_path / name).write_summary({"status": "interrupted"})
    os.utime(tmp_path / "b" / "summary.json", (1, 1))
    config = hydra_config(tmp_path, resume=str(tmp_path))
    assert begin(config) == config.resume == str(tmp_path / "a")
    monkeypatch.setenv("LOCAL_RANK", "1")  # by now another run may be the newest
    chosen = tmp_path / "b"
    config = hydra_config(chosen, f"hydra.run.dir={chosen}", resume=str(tmp_path))
    assert begin(config) == config.resume == str(chosen)


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT"])
def test_other_processes_of_a_run_join_it(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    RunDir(tmp_path).write_summary({"status": "running"})
    assert begin(hydra_config(tmp_path, f"hydra.run.dir={tmp_path}")) == str(tmp_path)
    assert begin(hydra_config(tmp_path)) == str(tmp_path)


def test_processes_that_torchrun_starts_again_agree_on_the_first_value(monkeypatch):
    store = TCPStore("localhost", 0, is_master=True)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    for rank, value in (("0", "first"), ("1", "second"), ("0", "third")):
        monkeypatch.setenv("RANK", rank)
        assert agreed("run_dir", value) == "first"


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        SystemExit, match=r"cannot be made .*; give another one with hydra.run.dir="
    ):
        begin(hydra_config(tmp_path / "file" / "run"))


def test_a_run_shows_to_others_when_all_that_tells_it_apart_is_written(tmp_path, monkeypatch):
    run, written = RunDir(tmp_path), []
    monkeypatch.setattr(rundir, "write_atomically", lambda path, text: written.append(path))
    monkeypatch.setattr(launch.HydraConfig, "initialized", lambda: True)
    hydra = OmegaConf.create({"overrides": {"task": []}})
    monkeypatch.setattr(launch.HydraConfig, "get", lambda: hydra)
    launch.begin(run, OmegaConf.create())
    assert sorted(written[:-1]) == [run.hydra_file, run.overrides_file]
    assert written[-1] == run.config_file


@pytest.fixture
def run(tmp_path):
    """A run that was composed, with a trial of a search."""
    launch.compose(ROOT / "conf", tmp_path, ["latent_dim=3", "sweep.trial={number: 1}"])
    return RunDir(tmp_path)


def test_changes_are_kept_when_they_are_accepted_and_not_before(run):
    before = run.config_file.read_text()
    changes = ["resume=here", "trainer.max_epochs=20", "+trainer.limit_val_batches=2"]
    config = launch.resumed_config(run, changes)
    assert (config.trainer.max_epochs, config.trainer.limit_val_batches) == (20, 2)
    assert run.config_file.read_text() == before
    launch.keep_changes(run, changes)
    launch.keep_changes(run, changes)
    kept, original = run.saved_config(), OmegaConf.create(before)
    assert (kept.trainer.max_epochs, kept.trainer.limit_val_batches) == (20, 2)
    for config in (kept, original):
        del config.trainer
    assert kept == original  # the run directory as it was written
    assert run.overrides() == [
        "latent_dim=3",
        "sweep.trial={number: 1}",
        "trainer.max_epochs=20",
        "+trainer.limit_val_batches=2",
    ]


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("model=conv", "model"),
        ("latent_dim=4", "model"),
        ("model.encoder.hidden_sizes=[3]", "model"),
        ("optimizer.lr=1", "optimizer"),
        ("objective=iwae", "objective"),
    ],
)
def test_a_resumed_run_keeps_what_its_checkpoint_brings(run, override, part):
    with pytest.raises(ValueError, match=f"a resumed run keeps its {part}: .* is refused"):
        launch.resumed_config(run, [override])


def test_a_change_of_nothing_that_is_there_is_refused(run):
    with pytest.raises(ValueError, match=r"trainer\.max_epoch=3"):
        launch.resumed_config(run, ["trainer.max_epoch=3"])


def test_a_run_that_keeps_no_checkpoints_cannot_be_resumed(run):
    with pytest.raises(ValueError, match=r"with callbacks\.last_checkpoint=null"):
        launch.resumed_config(run, ["callbacks.last_checkpoint=null"])


def test_a_trial_that_is_resumed_by_itself_is_over(run):
    assert launch.resumed_config(run, []).sweep.trial is None
    assert launch.resumed_config(run, ["sweep.trial={number: 2}"]).sweep.trial == {"number": 2}
