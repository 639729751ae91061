"""Where a run begins, and what a resumed one may change."""

import pytest
from command_line import ROOT
from omegaconf import OmegaConf
from torch.distributed import TCPStore

from vae_lab.runs import launch
from vae_lab.runs.agreement import agreed
from vae_lab.runs.rundir import RunDir


def hydra_config(run_dir, *overrides, resume=None):
    """Return as much of a composed configuration as the callback reads."""
    hydra = {"run": {"dir": str(run_dir)}, "output_subdir": ".hydra",
             "overrides": {"hydra": list(overrides)}}  # fmt: skip
    return OmegaConf.create({"resume": resume, "hydra": hydra})


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


def test_a_trial_that_is_resumed_by_itself_is_over(run):
    assert launch.resumed_config(run, []).sweep.trial is None
    assert launch.resumed_config(run, ["sweep.trial={number: 2}"]).sweep.trial == {"number": 2}
