"""A search is killed, pruned, spread over processes and refused; the database is read back."""

import json
import re
import runpy
import signal
import sys

import pytest
from command_line import ROOT, train, train_cold

optuna = pytest.importorskip("optuna")

from optuna.trial import TrialState  # noqa: E402

PICTURES = ("reconstructions", "samples", "overview", "latent_scatter", "latent_usage")
SEARCH = (
    "-m",
    "hydra/sweeper=optuna",
    "sweep.name=search",
    "debug=fast",
    "trainer.limit_train_batches=4",
    "trainer.limit_val_batches=2",
    "trainer.limit_test_batches=1",
    "evaluation.num_samples=2",
    "model.encoder.hidden_sizes=[8]",
    "model.decoder.hidden_sizes=[8]",
    *(f"callbacks.{name}=null" for name in PICTURES),
)
LATENTS = "latent_dim=interval(2,32)"
RATE = "optimizer.lr=tag(log,interval(1e-4,1e-2))"


def trials_in(folder):
    url = f"sqlite:///{folder}/runs/search/search.db"
    return optuna.load_study(study_name="search", storage=url).trials


def summaries_in(folder):
    return [json.loads(path.read_text()) for path in folder.glob("runs/search/*/summary.json")]


def told(trials):
    return [(trial.params, trial.intermediate_values, trial.value) for trial in trials]


def test_a_killed_search_goes_on_and_chooses_as_if_it_had_not_been(tmp_path, mnist_root):
    def search(name):
        probe = f"_target_: search_probes.KillSecondRun, step: 6, begun: {tmp_path / 'begun'}"
        kill = f"+callbacks.kill={{{probe}}}"
        command = [*SEARCH, "hydra.sweeper.n_trials=3", LATENTS, RATE, kill]
        (tmp_path / name).mkdir(exist_ok=True)
        return train(*command, folder=tmp_path / name, data=mnist_root)

    killed = search("killed")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = trials_in(tmp_path / "killed")
    assert [trial.state for trial in before] == [TrialState.COMPLETE, TrialState.RUNNING]

    again = search("killed")
    assert again.returncode == 0, again.stderr
    after = trials_in(tmp_path / "killed")
    assert [trial.state for trial in after] == [TrialState.COMPLETE] * 3
    assert after[0] == before[0]
    assert after[1].params == before[1].params
    # the first epoch of the trial that was killed was not trained again
    assert again.stderr.count("epoch") + again.stdout.count("epoch   1/2") == 1
    assert (tmp_path / "begun").read_text().count("begun") == 4

    uninterrupted = search("uninterrupted")
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    assert told(after) == told(trials_in(tmp_path / "uninterrupted"))
    assert all(isinstance(trial.params["latent_dim"], int) for trial in after)
    best = max(after, key=lambda trial: trial.value)
    assert f"best      {best.value:.2f} with latent_dim={best.params['latent_dim']}" in again.stderr


def test_unpromising_trials_are_pruned_and_stay_so(tmp_path, mnist_root):
    below_zero = (
        "hydra.sweeper.pruner._target_=optuna.pruners.ThresholdPruner",
        "+hydra.sweeper.pruner.lower=0",
    )
    command = [*SEARCH, "hydra.sweeper.n_trials=2", LATENTS, *below_zero]
    done = train(*command, folder=tmp_path, data=mnist_root)
    assert done.returncode == 0, done.stderr
    trials = trials_in(tmp_path)
    assert [trial.state for trial in trials] == [TrialState.PRUNED] * 2
    for summary in summaries_in(tmp_path):
        assert summary["status"] == "pruned"
        assert summary["epochs"] == 1
        assert summary["metrics"]["val/elbo"] in [trial.value for trial in trials]
        assert not any(name.startswith("test/") for name in summary["metrics"])
    # without its memory the search chooses the same again, and finds it done
    (tmp_path / "runs" / "search" / "search.db").unlink()
    again = train(*command, folder=tmp_path, data=mnist_root)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("is done already") == 2
    assert [trial.state for trial in trials_in(tmp_path)] == [TrialState.PRUNED] * 2


def test_trials_at_once_and_failed_ones_among_them(tmp_path, mnist_root):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    command = [
        *SEARCH,
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.sampler._target_=optuna.samplers.RandomSampler",
        "latent_dim=0,2,3",
    ]
    done = train_cold(*command, folder=tmp_path, data=mnist_root)
    trials = trials_in(tmp_path)
    assert {trial.params["latent_dim"] for trial in trials} > {"0"}
    for trial in trials:
        expected = TrialState.FAIL if trial.params["latent_dim"] == "0" else TrialState.COMPLETE
        assert trial.state == expected
    assert len(trials) == 4
    assert done.returncode == 1
    assert "latent_dim must be at least 1, got 0" in done.stderr
    assert done.stdout.count("n_jobs=2") == 2  # two batches


def refusal(monkeypatch, capsys, folder, *arguments):
    """Run a search in this process; return all that it says on its way to status 1."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as error:
        runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    assert list(folder.rglob("summary.json")) == []
    assert error.value.code not in (0, None)
    return str(error.value) if error.value.code != 1 else capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hydra.sweeper.n_trials=0"], "n_trials must be at least 1"),
        (["hydra.sweeper.n_jobs=0"], "n_jobs must be at least 1"),
        (["data.binarization=interval(0,1)"], "data.binarization is no number"),
        (["latnt_dim=interval(2,4)"], "did you mean 'latent_dim=interval(2,4)'?"),
        (["model=mlp,mpl"], "there is no model=mpl"),
        (["latent_dim=interval(8,2)"], "latent_dim=interval(8,2): "),
        (["hydra.sweeper.storage=nowhere"], "the search cannot be kept in nowhere"),
        (["hydra.sweeper.sampler._target_=optuna.samplers.TpeSampler"], "TpeSampler"),
        (["+hydra.sweeper.pruner.percent=3"], "percent"),
        (["sweep.name=a/b"], "sweep.name is a folder"),
        (["data.val_size=0"], "a search needs validation images"),
        (["trainer.max_epochs=2", "+trainer.check_val_every_n_epoch=3"], "epoch=3 is more than"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(
    monkeypatch, capsys, tmp_path, arguments, words
):
    line = refusal(monkeypatch, capsys, tmp_path, *SEARCH[:2], "latent_dim=2,3", *arguments)
    assert re.match("error: .*\n?$", line), line
    assert words in line


def test_nothing_to_search_is_refused(monkeypatch, capsys, tmp_path):
    line = refusal(monkeypatch, capsys, tmp_path, *SEARCH[:2])
    assert line.startswith("error: there is nothing to search; for example: latent_dim=")


def test_without_optuna_the_extra_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = refusal(monkeypatch, capsys, tmp_path, *SEARCH[:2], LATENTS)
    assert line == "error: hydra/sweeper=optuna is not installed: pip install 'vae-lab[optuna]'"
