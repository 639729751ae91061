"""Which epoch is kept as the best, and when no better one ends training."""

from functools import partial
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader

from vae_lab.objectives import ELBO, Capacity
from vae_lab.objectives.schedules import Constant, Cyclic, LinearWarmup
from vae_lab.training.callbacks.best_epoch import BestCheckpoint, NoBetterEpoch
from vae_lab.training.execution import Stepping
from vae_lab.training.module import VAEModule

SCHEDULES = {
    "warmup": LinearWarmup(start=0.0, end=1.0, epochs=3),
    "cyclic": Cyclic(start=0.0, end=1.0, epochs=2, ramp=0.5),
}
CONSTANT = ELBO(1.0, "analytic", 1, {})
WARMUP = ELBO("warmup", "analytic", 1, SCHEDULES)
CYCLIC = ELBO("cyclic", "analytic", 1, SCHEDULES)
CAPACITY = Capacity(1.0, "warmup", 1, SCHEDULES)

pytestmark = [  # advice that a real run silences
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*overridden `on_before_batch_transfer`"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.. is deprecated"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory"),
]


class Scored(VAEModule):
    """A model that is not trained, whose validation gives these numbers, one an epoch."""

    def __init__(self, model, objective, scores):
        optimizer = partial(torch.optim.SGD, lr=0.0)
        super().__init__(
            model, objective, optimizer, Constant(1.0), "binary",
            nll_samples=1, compile_model=False, seed=0, stepping=Stepping(),
        )  # fmt: skip
        self.scores = scores

    def validation_step(self, batch, batch_idx):
        self.log("val/bound", self.scores[self.current_epoch])


@pytest.fixture
def run(bernoulli_model, binary_images, tmp_path):
    """Trains with such a validation; returns the epoch in ``best.ckpt``, counted from 1."""
    batches = DataLoader([(image, 0) for image in binary_images], batch_size=1)

    def ran(scores, objective=CONSTANT, place="run", resume=None, patience=None, **options):
        callbacks = [BestCheckpoint(str(tmp_path / place), "val/bound")]
        if patience is not None:
            callbacks.append(NoBetterEpoch("val/bound", patience=patience, mode="max"))
        trainer = pl.Trainer(
            accelerator="cpu", callbacks=callbacks, logger=False, num_sanity_val_steps=0,
            max_epochs=len(scores), enable_progress_bar=False, enable_model_summary=False,
            **options,
        )  # fmt: skip
        module = Scored(bernoulli_model, objective, scores)
        trainer.fit(module, batches, batches, ckpt_path=resume, weights_only=True)
        trainer.save_checkpoint(tmp_path / place / "checkpoints" / "last.ckpt")
        best = torch.load(tmp_path / place / "checkpoints" / "best.ckpt", weights_only=True)
        return SimpleNamespace(
            best=best["epoch"] + 1,
            epochs=trainer.current_epoch,
            skipped=trainer.global_step % len(batches),
        )

    return ran


@pytest.mark.parametrize(
    ("objective", "scores", "best"),
    [
        pytest.param(CONSTANT, [1, 3, 2], 2, id="constant"),
        # a small weight of the KL makes for a large bound; β is 1 from the fourth epoch on
        pytest.param(WARMUP, [9, 8, 7, 2, 3, 1], 5, id="the best after the warm-up"),
        pytest.param(WARMUP, [9, 8, 7, 3, 2], 4, id="the first after the warm-up"),
        pytest.param(WARMUP, [9, 8, 7], 3, id="the last of a warm-up"),
        pytest.param(CYCLIC, [9, 8, 7, 6], 4, id="cyclic"),
        pytest.param(CAPACITY, [9, 8, 7], 3, id="capacity"),
    ],
)
def test_the_best_epoch_is_sought_once_the_objective_has_settled(run, objective, scores, best):
    assert run(scores, objective).best == best


def test_an_epoch_without_validation_is_not_kept(run):
    assert run([1, 2, 3], CYCLIC, check_val_every_n_epoch=2).best == 2


def test_a_warmup_does_not_count_as_epochs_without_a_better_one(run):
    assert run([9, 8, 7, 2, 1, 0, 0, 0], WARMUP, patience=2).epochs == 6


@pytest.mark.parametrize("place", ["run", "moved"])
@pytest.mark.parametrize(
    ("objective", "scores", "best"), [(CONSTANT, [1, 3], 2), (WARMUP, [9, 8, 7, 3], 4)]
)
def test_a_worse_epoch_does_not_replace_the_best_wherever_the_run_lies(
    run, tmp_path, place, objective, scores, best
):
    run(scores, objective)
    (tmp_path / "run").rename(tmp_path / place)
    last = tmp_path / place / "checkpoints" / "last.ckpt"
    assert run([*scores, 2], objective, place, last).best == best
    assert run([*scores, 2, 4], objective, place, last).best == best + 2


def test_a_run_resumed_within_a_warmup_keeps_its_next_epoch(run, tmp_path):
    run([9, 8], WARMUP)
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert run([9, 8, 7, 3, 2], WARMUP, resume=last).best == 4


def test_the_epoch_in_which_patience_ends_is_trained_whole(run):
    ended = run([3, 2, 1], patience=1, val_check_interval=2)
    assert (ended.epochs, ended.skipped) == (1, 0)


def test_a_run_that_ended_without_a_better_epoch_stays_ended_unless_patience_is_raised(
    run, tmp_path
):
    scores = [3, 2, 1, 1, 1, 1]
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert run(scores, patience=2).epochs == 3
    assert run(scores, patience=2, resume=last).epochs == 3
    assert run(scores, patience=4, resume=last).epochs == 5
