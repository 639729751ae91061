"""An interrupted and resumed run equals an uninterrupted one, to the bit."""

import pytest
from command_line import train
from omegaconf import OmegaConf
from tiny import assert_equal_tensors, assert_same, checkpoint, signal_at, summary

# Of the pictures stay one that draws random numbers and one that measures some.
DEAR = ("reconstructions", "overview", "latent_scatter", "latent_traversals", "interpolations",
        "posterior_histograms", "projector", "graph")  # fmt: skip
BATCHES_PER_EPOCH = 16
STEPS_PER_EPOCH = 8
STEPS = 2 * STEPS_PER_EPOCH
SMALL = (
    "trainer.max_epochs=2",
    f"+trainer.limit_train_batches={BATCHES_PER_EPOCH}",
    "+trainer.limit_val_batches=2",
    "+trainer.limit_test_batches=1",
    "trainer.log_every_n_steps=5",
    "evaluation.num_samples=2",
    "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
    "objective.beta=warmup",
    "schedule=cosine",
    "callbacks=ema",
    "trainer.accumulate_grad_batches=2",
    "callbacks.latent_usage.num_images=500",
    *(f"callbacks.{name}=null" for name in DEAR),
)
CLOCK = "+callbacks.clock"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, mnist_root):
    folder = tmp_path_factory.mktemp("resume")
    done = train(*SMALL, "hydra.run.dir=full", folder=folder, data=mnist_root)
    assert done.returncode == 0, done.stderr
    return folder / "full"


@pytest.mark.parametrize("step", [2, STEPS_PER_EPOCH - 1, STEPS_PER_EPOCH + 3, STEPS])
def test_resumed_equals_uninterrupted(uninterrupted, mnist_root, step):
    folder, name = uninterrupted.parent, f"cut_{step}"
    run = folder / name
    ctrl_c = signal_at(step, "SIGINT")
    cut = train(*SMALL, f"hydra.run.dir={name}", ctrl_c, folder=folder, data=mnist_root)
    assert cut.returncode == 130, cut.stderr
    assert summary(run)["status"] == "interrupted"
    assert checkpoint(run)["global_step"] == min(step + 1, STEPS)

    resumed = train(f"resume={name}", "++callbacks.signal=null", folder=folder, data=mnist_root)
    assert resumed.returncode == 0, resumed.stderr
    assert_same(run, uninterrupted)


@pytest.mark.parametrize(
    ("name", "ends", "goes_on"),
    [
        ("step", "+trainer.max_steps=11", "+trainer.max_steps=16"),
        ("epoch", "+trainer.max_steps=8", "+trainer.max_steps=16"),
        # in the middle of a step, which takes two batches
        (
            "time",
            "+callbacks.clock={_target_: probes.OutOfTime, batch: 7}",
            "++callbacks.clock=null",
        ),
    ],
)
def test_a_run_that_ended_early_trains_its_rest(uninterrupted, mnist_root, name, ends, goes_on):
    folder = uninterrupted.parent
    train(*SMALL, f"hydra.run.dir={name}", ends, folder=folder, data=mnist_root)
    assert summary(folder / name)["status"] == "completed"
    assert checkpoint(folder / name)["global_step"] == {"step": 11, "epoch": 8, "time": 4}[name]
    more = train(f"resume={name}", goes_on, folder=folder, data=mnist_root)
    assert more.returncode == 0, more.stderr
    found, expected = checkpoint(folder / name), checkpoint(uninterrupted)
    assert found["global_step"] == expected["global_step"]
    for key in ("state_dict", "current_model_state"):
        assert_equal_tensors(found.get(key, {}), expected.get(key, {}))


def test_a_finished_run_can_be_extended(uninterrupted, mnist_root):
    folder = uninterrupted.parent
    ran = train(*SMALL, "hydra.run.dir=more", "schedule=constant", folder=folder, data=mnist_root)
    assert ran.returncode == 0, ran.stderr
    more = train("resume=more", "trainer.max_epochs=3", folder=folder, data=mnist_root)
    assert more.returncode == 0, more.stderr
    assert checkpoint(folder / "more")["global_step"] == 3 * STEPS_PER_EPOCH
    # the change stays, and the totals go on
    assert OmegaConf.load(folder / "more" / ".hydra" / "config.yaml").trainer.max_epochs == 3
    assert summary(folder / "more")["epochs"] == 3
