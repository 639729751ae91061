"""What is searched, and which trials are run when a search is taken up: no run is trained."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from vae_lab.runs.rundir import RunDir

optuna = pytest.importorskip("optuna")

from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState  # noqa: E402

from vae_lab.runs import search  # noqa: E402

SPACE = {"latent_dim": IntDistribution(2, 64), "optimizer.lr": FloatDistribution(1e-4, 1e-2)}


def distribution(line, current=None):
    (override,) = OverridesParser.create().parse_overrides([line])
    return search.distribution(override, current)


@pytest.mark.parametrize(
    ("line", "current", "expected"),
    [
        ("x=interval(2,64)", 20, IntDistribution(2, 64)),
        ("x=interval(2,64)", 1.5, FloatDistribution(2, 64)),
        ("x=interval(0.5,64)", 20, FloatDistribution(0.5, 64)),
        ("x=int(interval(2,64))", None, IntDistribution(2, 64)),
        ("x=tag(log,interval(1e-4,1e-2))", 1e-3, FloatDistribution(1e-4, 1e-2, log=True)),
        ("x=tag(log,int(interval(2,64)))", 20, IntDistribution(2, 64, log=True)),
        ("x=range(1,8,3)", 20, IntDistribution(1, 7, step=3)),
        ("x=range(0.0,1.0,0.25)", 1.0, FloatDistribution(0.0, 0.75, step=0.25)),
        ("x=2,8,16", 20, CategoricalDistribution(["2", "8", "16"])),
        ("x=choice([400],[400,200])", [400], CategoricalDistribution(["[400]", "[400,200]"])),
        ("x=choice(mlp,conv)", {}, CategoricalDistribution(["mlp", "conv"])),
    ],
)
def test_hydras_grammar_is_understood(line, current, expected):
    assert distribution(line, current) == expected


@pytest.mark.parametrize("current", ["dynamic", True, [400], {"lr": 1}])
def test_an_interval_of_what_is_no_number_is_refused(current):
    with pytest.raises(ValueError, match=r"x is no number; name the values instead"):
        distribution("x=interval(0,1)", current)


def test_the_examples_hold_every_choice():
    space = SPACE | {"model": CategoricalDistribution(["mlp", "conv"])}
    common = {"latent_dim": 2, "optimizer.lr": 1e-4}
    assert search.examples(space) == [common | {"model": "mlp"}, common | {"model": "conv"}]


@pytest.fixture
def begin(tmp_path):
    """Begins a search, or takes it up."""

    def begun(n_trials=4, seed=0, space=SPACE, fixed=("trainer.max_epochs=5",), monitor="val/elbo"):
        return search.Search(
            storage=f"sqlite:///{tmp_path}/search.db",
            name="search",
            monitor=monitor,
            sampler=OmegaConf.create({"_target_": "optuna.samplers.RandomSampler"}),
            pruner=OmegaConf.create({"_target_": "optuna.pruners.MedianPruner"}),
            seed=seed,
            space=space,
            fixed=fixed,
            n_trials=n_trials,
        )

    return begun


@pytest.fixture
def end(tmp_path):
    """Tells a search how its next trials ended."""

    def ended(begun, *statuses):
        trials = [begun.next_trials(1)[0] for _ in statuses]
        for trial, status in zip(trials, statuses, strict=True):
            run = RunDir(tmp_path / str(trial.number))
            metrics = {"val/elbo": -100.0 - trial.number}
            summary = {"status": status, "compared_by": "val/elbo", "metrics": metrics}
            run.write_summary(summary)
            begun.tell(trial.number, run)
        return [trial.params for trial in trials]

    return ended


def test_all_trials_count_once(begin, end):
    begun = begin()
    end(begun, "completed", "pruned", "failed", "completed")
    assert begun.next_trials(1) == []
    states = [trial.state for trial in begun.study.trials]
    expected = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE]
    assert states == expected
    assert begun.study.best_value == -100.0


def test_the_best_trial_has_the_least_of_a_metric_of_which_less_is_better(begin, end):
    begun = begin(monitor="val/loss")
    end(begun, "completed", "completed")
    assert begun.study.best_value == -101.0


def test_failed_trials_are_tried_again_when_the_search_is_taken_up(begin, end):
    _, failed, _, _ = end(begin(), "completed", "failed", "completed", "completed")
    again = begin()
    assert end(again, "failed") == [failed]
    assert again.next_trials(1) == []
    once_more = begin()
    assert end(once_more, "completed") == [failed]
    assert once_more.next_trials(1) == []
    assert begin().next_trials(1) == []


def test_trials_that_were_left_behind_come_first_with_the_same_parameters(begin, end):
    left = end(begin(), "running", "interrupted")
    again = begin()
    assert [trial.params for trial in again.next_trials(2)] == left
    assert [trial.number for trial in again.next_trials(3)] == [2, 3]


def test_a_trial_that_died_before_it_had_all_parameters_is_given_up(begin):
    begun = begin()
    begun.study.ask({"latent_dim": SPACE["latent_dim"]})
    again = begin()
    assert [trial.number for trial in again.next_trials(9)] == [1, 2, 3, 4]
    assert again.study.trials[0].state == TrialState.FAIL


def test_more_trials_go_on_as_if_they_had_been_asked_for_at_once(begin, end, tmp_path):
    first = end(begin(n_trials=2), "completed", "completed")
    more = end(begin(n_trials=4), "completed", "completed")
    (tmp_path / "search.db").unlink()
    assert end(begin(n_trials=4), *["completed"] * 4) == first + more
    (tmp_path / "search.db").unlink()
    assert end(begin(seed=1), "completed") != first[:1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"space": SPACE | {"latent_dim": IntDistribution(2, 32)}}, r"latent_dim: .*64.* → .*32"),
        ({"space": SPACE | {"model": CategoricalDistribution(["mlp"])}}, "model: None → "),
        ({"fixed": ("trainer.max_epochs=10",)}, "trainer.max_epochs: 5 → 10"),
        ({"fixed": ()}, "trainer.max_epochs: 5 → None"),
    ],
)
def test_another_search_under_the_same_name_is_refused(begin, end, changed, message):
    end(begin(), "completed")
    with pytest.raises(ValueError, match=rf"search was begun otherwise \({message}"):
        begin(**changed)
    assert len(begin().study.trials) == 1


def test_a_trial_that_is_over_is_left_alone(begin, end, tmp_path):
    begun = begin()
    end(begun, "completed")
    url = f"sqlite:///{tmp_path}/search.db"
    assert not search.is_unpromising(url, "search", 0, epoch=1, value=-1e9)
    assert begun.study.trials[0].intermediate_values == {}
