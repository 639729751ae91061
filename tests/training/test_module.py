"""The arithmetic of training: which epoch a step belongs to, what is averaged over what."""

import math
from functools import partial
from itertools import pairwise

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers.logger import Logger
from torch.utils.data import DataLoader, TensorDataset

from vae_lab.model.posteriors import Deterministic
from vae_lab.objectives import ELBO, Autoencoder
from vae_lab.objectives.schedules import Constant, Cosine, LinearWarmup
from vae_lab.training.execution import Stepping
from vae_lab.training.module import VAEModule

EPOCHS = 2
LEARNING_RATE = 0.1
WARMUP = {"warmup": LinearWarmup(start=0.0, end=1.0, epochs=4)}

pytestmark = [  # advice that a real run silences
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*overridden `on_before_batch_transfer`"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.. is deprecated"),
]


class Recorded(ELBO):
    """The ELBO with a warm-up of β; keeps the values of β it was given and its answers."""

    def __init__(self):
        super().__init__("warmup", "analytic", 1, WARMUP)
        self.betas = {"train": [], "scored": []}
        self.values = {"train": [], "scored": []}

    def judge(self, draw, scheduled):
        bound = super().judge(draw, scheduled)
        purpose = "train" if torch.is_grad_enabled() else "scored"
        self.betas[purpose].append(scheduled["beta"])
        self.values[purpose].append(bound.value.detach())
        return bound


class Curves(Logger):
    """Keeps what is logged, by metric."""

    name = version = None

    def __init__(self):
        super().__init__()
        self.points = {}

    def log_metrics(self, metrics, step=None):
        for metric, value in metrics.items():
            self.points.setdefault(metric, []).append(value)

    def log_hyperparams(self, *args, **kwargs):
        pass


class Rates(pl.Callback):
    """Keeps the learning rate of every step, and counts the steps that begin."""

    def __init__(self):
        self.used, self.begun = [], 0

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        self.begun += 1

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.used.append(optimizer.param_groups[0]["lr"])


def module_of(model, objective, schedule, accumulated=1):
    """Return the module that trains by plain gradient steps."""
    optimizer = partial(torch.optim.SGD, lr=LEARNING_RATE)
    return VAEModule(
        model, objective, optimizer, schedule, "binary",
        nll_samples=1, compile_model=False, seed=0, stepping=Stepping(accumulated),
    )  # fmt: skip


def images(count):
    """Return ``count`` random binary images, (N, 1, 4, 4)."""
    torch.manual_seed(1)
    return torch.randint(2, (count, 1, 4, 4)).float()


def batches(count, batch_size):
    """Return a loader of ``count`` images in their order; the last batch is the rest."""
    return DataLoader(TensorDataset(images(count), torch.zeros(count)), batch_size)


def trainer_with(*callbacks, logger=False, **options):
    return pl.Trainer(
        accelerator="cpu", max_epochs=EPOCHS, callbacks=list(callbacks), logger=logger,
        num_sanity_val_steps=0, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, **options,
    )  # fmt: skip


def test_beta_rises_with_the_steps_of_the_optimiser(bernoulli_model):
    objective, curves = Recorded(), Curves()
    trainer = trainer_with(logger=curves, log_every_n_steps=1)
    module = module_of(bernoulli_model, objective, Constant(1.0), accumulated=2)
    trainer.fit(module, batches(17, 4), batches(4, 4))
    # five batches make three steps; validation is told the epoch of the last one
    assert objective.betas["train"] == pytest.approx(
        [s / 3 / 4 for s in (0, 0, 1, 1, 2, 3, 3, 4, 4, 5)]
    )
    assert objective.betas["scored"] == pytest.approx([2 / 3 / 4, 5 / 3 / 4])
    assert curves.points["train/beta"] == pytest.approx([step / 3 / 4 for step in range(6)])
    assert curves.points["val/beta"] == pytest.approx([2 / 3 / 4, 5 / 3 / 4])


def test_the_learning_rate_warms_up_and_falls_with_the_steps_of_the_optimiser(bernoulli_model):
    rates = Rates()
    trainer = trainer_with(rates)
    schedule = Cosine(warmup_epochs=1, epochs=EPOCHS, final=0.0)
    trainer.fit(module_of(bernoulli_model, Recorded(), schedule, 2), batches(17, 4))
    falling = [0.5 + 0.5 * math.cos(math.pi * step / 3) for step in range(3)]
    factors = [0, 1 / 3, 2 / 3, *falling]
    assert rates.used == pytest.approx([LEARNING_RATE * factor for factor in factors])
    assert rates.begun == len(factors)


@pytest.mark.parametrize(
    ("accumulated", "logged_after"), [(1, [0, 2, 4, 6, 8, 10]), (2, [0, 4, 7, 10])]
)
def test_what_training_logs_is_the_mean_over_all_batches_since_it_last_did(
    accumulated, logged_after, bernoulli_model
):
    objective, curves = Recorded(), Curves()
    trainer = trainer_with(logger=curves, log_every_n_steps=2)
    module = module_of(bernoulli_model, objective, Constant(1.0), accumulated)
    trainer.fit(module, batches(17, 4))
    losses = [-value.mean().item() for value in objective.values["train"]]
    means = [sum(losses[first:last]) / (last - first) for first, last in pairwise(logged_after)]
    assert curves.points["train/loss"] == pytest.approx(means)


def test_validation_and_test_are_means_over_images_however_they_are_batched(bernoulli_model):
    objective, curves = Recorded(), Curves()
    trainer = trainer_with(logger=curves, limit_train_batches=1)
    module = module_of(bernoulli_model, objective, Constant(1.0))
    trainer.fit(module, batches(4, 4), batches(5, 4))
    trainer.test(module, batches(5, 4), verbose=False)
    scored = objective.values["scored"]
    assert [len(values) for values in scored] == [4, 1] * (EPOCHS + 1)
    losses = -torch.cat(scored).reshape(EPOCHS + 1, 5).mean(1)
    *validated, tested = losses.tolist()
    assert curves.points["val/loss"] == pytest.approx(validated)
    assert curves.points["val/bound"] == pytest.approx([-loss for loss in validated])
    assert curves.points["test/loss"] == pytest.approx([tested])


def test_accumulated_gradients_move_the_weights_as_one_large_batch_does(bernoulli_model):
    bernoulli_model.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    bernoulli_model.posterior = Deterministic(2)  # no noise, which batches would share out
    before = {name: value.clone() for name, value in bernoulli_model.state_dict().items()}
    schedule = Cosine(warmup_epochs=1, epochs=EPOCHS, final=0.0)
    weights = []
    for batch_size, accumulated in ((6, 1), (2, 3)):
        bernoulli_model.load_state_dict(before)
        module = module_of(bernoulli_model, Autoencoder(), schedule, accumulated)
        trainer_with().fit(module, batches(12, batch_size))
        weights.append({name: value.clone() for name, value in module.state_dict().items()})
    torch.testing.assert_close(*weights)
    for name, value in before.items():
        assert not torch.equal(weights[0][f"model.{name}"], value)
