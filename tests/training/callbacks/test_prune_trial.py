"""A run that is a trial of a search."""

from types import SimpleNamespace

import pytest

pytest.importorskip("optuna")

from vae_lab.training.callbacks.prune_trial import PruneTrial


@pytest.mark.parametrize("is_pruned", [True, False])
def test_a_run_that_was_pruned_stays_so_though_the_search_was_not_told(is_pruned):
    trial, resumed = (PruneTrial("val/elbo", "sqlite://", "search", 0) for _ in range(2))
    trial.is_pruned = is_pruned
    resumed.load_state_dict(trial.state_dict())
    trainer = SimpleNamespace(should_stop=False)
    resumed.on_fit_start(trainer, None)
    assert trainer.should_stop == resumed.is_pruned == is_pruned
