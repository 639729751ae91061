"""Which labels a model is given while it trains and is scored, and what its metrics are called."""

import lightning.pytorch as pl
import pytest
import torch
from label_models import label_model, semi_supervised
from linear_gaussian import IMAGE_SHAPE
from torch.utils.data import DataLoader, TensorDataset

from vae_lab.objectives import ELBO
from vae_lab.objectives.schedules import Constant
from vae_lab.training.execution import Stepping
from vae_lab.training.module import VAEModule

pytestmark = pytest.mark.filterwarnings("ignore")


def metrics_of(model):
    """Train a model for one step, then test it on the same images; return its metrics."""
    images = torch.randn(8, *IMAGE_SHAPE, generator=torch.Generator().manual_seed(0))
    batch = DataLoader(TensorDataset(images, torch.arange(8) % 3), batch_size=8)
    given = []
    condition = model.condition

    def watched(x, path_gradient=False, labels=None):
        given.append(labels)
        return condition(x, path_gradient, labels)

    model.condition = watched
    module = VAEModule(
        model.float(), ELBO(1.0, "analytic", 1, {}),
        lambda parameters: torch.optim.SGD(parameters, lr=1e-4),
        Constant(1.0), "continuous", 5, False, 0, Stepping(),
    )  # fmt: skip
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, barebones=False,
    )  # fmt: skip
    trainer.fit(module, batch)
    trainer.test(module, batch, verbose=False)
    return {name.removeprefix("test/") for name in trainer.callback_metrics}, given


def test_a_conditional_model_is_given_all_labels_and_scored_so():
    names, (while_training, while_testing, *_) = metrics_of(label_model())
    assert {"elbo_given_y", "reconstruction_given_y", "nll_given_y", "nll", "kl"} <= names
    assert "bayes_rule_error" in names
    assert not {"elbo", "accuracy"} & names
    assert torch.equal(while_training, while_testing)


def test_m2_learns_from_labels_and_is_scored_without():
    names, (while_training, while_testing, *_) = metrics_of(semi_supervised())
    assert {"elbo", "nll", "accuracy", "bayes_rule_error"} <= names
    assert not [name for name in names if name.endswith("_given_y")]
    assert while_training is not None
    assert while_testing is None
