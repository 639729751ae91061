"""Captured steps are called steps to the bit, and what cannot be captured is called."""

import os
import signal

import pytest
import torch
from called_again import Spoiled, use

from vae_lab.training import build as building
from vae_lab.training.capture import CalledAgain

SMALL = (
    "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
    "trainer.max_epochs=2",
    "+trainer.limit_train_batches=11",
    "+trainer.limit_val_batches=1",
    "trainer.log_every_n_steps=4",
    "callbacks=bare",
    "logger.tensorboard=null",
    "~callbacks.learning_rate",
)
RULES = (
    "callbacks=ema", "trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=1",
    "objective.beta=warmup", "schedule=cosine", "schedule.warmup_epochs=1",
)  # fmt: skip

pytestmark = [  # advice that a real run silences
    pytest.mark.filterwarnings("ignore:.*overridden `on_before_batch_transfer`"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*Checkpoint directory"),
    pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint"),
]


@pytest.fixture
def fit(compose, tmp_path):
    """Trains; returns weights, the optimiser's memory, and the last means of training."""

    def trained(*overrides, resume=None):
        experiment = building.build(compose(*SMALL, *overrides))
        trainer, module = experiment.trainer, experiment.module
        trainer.fit(module, datamodule=experiment.datamodule, ckpt_path=resume)
        remembered = trainer.optimizers[0].state_dict()["state"]
        return {
            **module.state_dict(),
            **{f"{n}.{k}": v for n, state in remembered.items() for k, v in state.items()},
            **{k: v for k, v in trainer.logged_metrics.items() if "images_per" not in k},
        }

    return trained


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(RULES, id="all that happens between two steps"),
        pytest.param(
            ("objective=free_bits", "optimizer=adamax", "data.batch_size=4900", "latent_dim=2"),
            id="a last batch of another size",
        ),
        pytest.param(
            ("trainer.precision=bf16-mixed", "objective=iwae", "objective.dreg=true", "prior=flow"),
            id="bf16",
        ),
    ],
)
def test_captured_steps_are_called_steps(others, fit, monkeypatch):
    expected = fit(*others)
    graphs = CalledAgain()
    use(monkeypatch, graphs)
    assert_same(fit(*others, "cuda_graphs=true"), expected)
    assert graphs.replays > 10


def test_a_signal_ends_captured_training_after_its_step_and_it_goes_on(fit, monkeypatch, tmp_path):
    expected = fit(*RULES)

    def told(replays):
        if replays == 7:
            os.kill(os.getpid(), signal.SIGINT)

    use(monkeypatch, Spoiled(told))
    with pytest.raises(SystemExit):
        fit(*RULES)
    use(monkeypatch, CalledAgain())
    assert_same(fit(*RULES, resume=tmp_path / "checkpoints" / "last.ckpt"), expected)


def test_a_loss_that_is_no_number_is_found_again(fit, monkeypatch):
    ruinous = ("optimizer.lr=1e30", "trainer.log_every_n_steps=9")
    with pytest.raises(FloatingPointError, match="train/loss is nan at step") as called:
        fit(*ruinous)
    use(monkeypatch, CalledAgain())
    with pytest.raises(FloatingPointError) as captured:
        fit(*ruinous)
    assert str(captured.value) == str(called.value)


def fails(replays):
    raise RuntimeError("operation not permitted when stream is capturing\nmore")


@pytest.mark.parametrize("is_wrong", [False, True])
def test_what_cannot_be_captured_is_called_and_says_why(is_wrong, fit, monkeypatch):
    expected = fit()

    class TwoSteps(CalledAgain):
        def capture(self, work):
            replay = super().capture(work)
            return lambda: (replay(), replay())[1]

    graphs = Spoiled(fails)
    reason = "not captured in a CUDA graph: RuntimeError: operation not permitted when stream is "
    if is_wrong:
        graphs, reason = TwoSteps(), "a replay changes weights by"
    use(monkeypatch, graphs)
    with pytest.warns(UserWarning, match=reason):
        found = fit()
    assert_same(found, expected)


def test_an_optimiser_that_cannot_be_captured_is_named(fit, monkeypatch):
    expected = fit("optimizer._target_=torch.optim.SGD", "~optimizer.fused")
    use(monkeypatch, CalledAgain())
    with pytest.warns(UserWarning, match="SGD has no capturable"):
        found = fit("optimizer._target_=torch.optim.SGD", "~optimizer.fused")
    assert_same(found, expected)


def test_a_processor_has_no_graphs(compose):
    with pytest.raises(ValueError, match=r"cuda_graphs=true .* trains on cpu; use .*=auto"):
        building.build(compose("cuda_graphs=true"))
