"""However many steps one call of Lightning takes, they are the same steps, to the bit."""

import pytest
from tiny import assert_same

from vae_lab.training import train

SMALL = (
    "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
    "trainer.max_epochs=2",
    "+trainer.limit_train_batches=11",
    "+trainer.limit_val_batches=1",
    "+trainer.limit_test_batches=1",
    "trainer.log_every_n_steps=4",
    "evaluation.num_samples=2",
    "callbacks=bare",
)
RULES = (
    "callbacks=ema", "trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=1",
    "objective.beta=warmup", "schedule=cosine", "+trainer.val_check_interval=3",
)  # fmt: skip


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(RULES, id="all that happens between two steps"),
        pytest.param(("trainer.precision=bf16-mixed", "objective=iwae", "prior=flow"), id="bf16"),
    ],
)
def test_any_number_of_steps_at_once_are_the_same_steps(others, compose, tmp_path):
    for number in ("1", "3", "auto"):
        overrides = (
            *SMALL,
            *others,
            f"steps_per_execution={number}",
            f"run_dir={tmp_path / number}",
        )
        train.train(compose(*overrides))
    for number in ("3", "auto"):
        assert_same(tmp_path / number, tmp_path / "1")
