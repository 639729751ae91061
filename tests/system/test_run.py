"""What a run leaves behind, read back from its directory."""

import csv
import json
import logging

import pytest
import torch
from command_line import ROOT
from full_run import EPOCHS, HIDDEN, PICTURES, POINTS
from omegaconf import OmegaConf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_lab.runs import launch
from vae_lab.runs.rundir import RunDir
from vae_lab.training import train
from vae_lab.training.callbacks.image_grids import Samples

SMALL = ("debug=fast", "model.encoder.hidden_sizes=[16]", "model.decoder.hidden_sizes=[16]")


@pytest.fixture
def run(compose, tmp_path):
    """Runs an experiment in this process; returns its directory."""

    def start(*overrides):
        train.train(compose(*SMALL, *overrides))
        return tmp_path

    return start


@pytest.fixture(scope="module")
def averaged(tmp_path_factory, mnist_root):
    """The directory of a run with averaged weights, and with all pictures but one."""
    folder = tmp_path_factory.mktemp("runs") / "averaged"
    overrides = ("callbacks=ema", "callbacks.ema.decay=0.5", "callbacks.samples=null")
    overrides += ("latent_dim=2", f"data.root={mnist_root}")
    train.train(launch.compose(ROOT / "conf", folder, [*SMALL, *overrides]))
    return folder


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def events_of(folder):
    # without size limits, which would leave out pictures
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    return events.Reload()


def pictures_in(events):
    """Return the names of the pictures that TensorBoard's images tab shows."""
    shown = [
        tag for tag in events.Tags()["tensors"]
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "images"
    ]  # fmt: skip
    assert all(events.SummaryMetadata(tag).summary_description for tag in shown)
    return {tag.removeprefix("images/") for tag in shown}


def test_the_summary_says_what_was_measured_and_on_what(full_run):
    summary = summary_of(full_run)
    assert summary["status"] == "completed"
    assert (summary["epochs"], summary["steps"]) == (EPOCHS, 20)
    for metric in ("bound", "loss", "elbo", "reconstruction", "kl"):
        for split in ("val", "test"):
            assert summary["units"][f"{split}/{metric}"] == "nats/image"
    metrics = summary["metrics"]
    assert metrics["test/elbo"] == pytest.approx(-metrics["test/loss"])
    assert metrics["test/elbo"] == pytest.approx(
        metrics["test/reconstruction"] - metrics["test/kl"]
    )
    assert -metrics["test/nll"] > metrics["test/elbo"]
    width = HIDDEN
    encoder, decoder = 784 * width + width + width * 4 + 4, 2 * width + width + width * 784 + 784
    assert summary["parameters"] == encoder + decoder
    assert summary["images_per_second"] > 0
    assert summary["hardware"]["device"] == "cpu"
    assert summary["versions"]["torch"] == torch.__version__.split("+")[0]


def test_pictures_lie_in_the_directory_and_in_tensorboard(full_run):
    assert {path.stem for path in (full_run / "images").glob("*.png")} == PICTURES
    events = events_of(full_run)
    assert pictures_in(events) == PICTURES | {"film"}
    for picture in ("images/samples", "images/interpolations", "posterior/means"):
        assert [event.step for event in events.Tensors(picture)] == [9, 19]
    with Image.open(full_run / "images" / "film.gif") as film:
        assert film.n_frames == EPOCHS


def test_the_projector_has_points_labels_and_sprites_and_the_graph_both_networks(full_run):
    points = full_run / "00000" / "default"
    assert len((points / "tensors.tsv").read_text().splitlines()) == POINTS
    assert set((points / "metadata.tsv").read_text().split()) <= set("0123456789")
    with Image.open(points / "sprite.png") as sprite:
        assert sprite.size == (15 * 28, 15 * 28)  # 15² is the first square above 200
    names = {node.name for node in events_of(full_run).Graph().node}
    for part in ("encoder", "decoder"):
        assert [name for name in names if f"MLP[{part}]" in name]


def test_a_picture_can_be_switched_off_and_some_are_drawn_at_the_end_alone(averaged):
    assert {path.stem for path in (averaged / "images").glob("*.png")} == PICTURES - {"samples"}
    events = events_of(averaged)
    assert [event.step for event in events.Tensors("images/overview")] == [9, 19]
    assert [event.step for event in events.Tensors("images/interpolations")] == [19]


def test_tensorboard_and_csv_hold_the_same_curves(full_run):
    events = events_of(full_run)
    with (full_run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for metric in ("train/elbo", "train/kl", "val/elbo", "test/nll"):
        written = {int(r["step"]): float(r["value"]) for r in rows if r["metric"] == metric}
        shown = {event.step: event.value for event in events.Scalars(metric)}
        assert shown == pytest.approx(written)
        assert len(shown) > 0


def test_grey_pixels_under_a_bernoulli_are_not_called_a_log_likelihood(run):
    with pytest.warns(UserWarning, match="grey pixels under a Bernoulli") as warned:
        folder = run("data.binarization=none", "callbacks=bare")
    assert len([w for w in warned if "grey pixels" in str(w.message)]) == 1
    metrics = summary_of(folder)["metrics"]
    assert {"test/reconstruction_bce", "test/elbo_bce", "val/elbo_bce"} <= metrics.keys()
    assert not {"test/reconstruction", "test/elbo", "test/nll"} & metrics.keys()


def test_an_autoencoder_reports_no_bound(run):
    metrics = summary_of(run("objective=autoencoder"))["metrics"]
    assert metrics["test/reconstruction"] == pytest.approx(-metrics["test/loss"])
    assert not {"test/elbo", "test/kl", "test/nll"} & metrics.keys()


def test_without_validation_the_newest_weights_are_tested(run):
    folder = run("data.val_size=0")
    summary = summary_of(folder)
    assert not [name for name in summary["metrics"] if name.startswith("val/")]
    kept = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert kept["global_step"] == summary["steps"]


def test_one_validation_image_and_no_test_images_are_enough(run):
    summary = summary_of(run("data.val_size=1", "trainer.limit_test_batches=0", "callbacks=bare"))
    assert summary["status"] == "completed"
    assert not [name for name in summary["metrics"] if name.startswith("test/")]


def test_the_best_weights_are_tested_and_can_be_loaded_and_there_are_no_pictures(run, compose):
    # so high a rate that the second epoch is worse than the first
    folder = run(
        "optimizer.lr=0.03", "schedule=steps", "schedule.milestones=[1]", "schedule.gamma=60",
        "callbacks=bare",
    )  # fmt: skip
    assert not (folder / "images").exists()
    assert pictures_in(events_of(folder)) == set()
    kept = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert kept["global_step"] == 10
    assert summary_of(folder)["metrics"]["val/elbo"] == pytest.approx(kept["metrics"]["val/elbo"])
    RunDir(folder).write_summary({})
    (folder / ".hydra").mkdir()
    OmegaConf.save(compose(*SMALL), folder / ".hydra" / "config.yaml")
    model = RunDir(folder).open_model()
    for name, value in model.state_dict().items():
        assert torch.equal(value, kept["state_dict"][f"model.{name}"])


def test_averaged_weights_are_tested(averaged):
    kept = torch.load(averaged / "checkpoints" / "best.ckpt", weights_only=True)
    weight = "model.decoder.0.weight"
    assert not torch.equal(kept["state_dict"][weight], kept["current_model_state"][weight])
    metrics = summary_of(averaged)["metrics"]
    assert metrics["test/elbo"] == pytest.approx(metrics["val/elbo"], rel=0.05)


def test_a_run_that_stops_early_shows_averaged_weights_too(run, monkeypatch):
    weight, shown = "decoder.0.weight", []

    def note_weights(self, model, images, labels):
        shown.append(model.state_dict()[weight].clone())

    monkeypatch.setattr(Samples, "draw", note_weights)
    folder = run(
        "callbacks=[ema,early_stopping]", "callbacks.early_stopping.patience=1",
        "trainer.max_epochs=9", "optimizer.lr=0.03", "schedule=steps", "schedule.milestones=[1]",
        "schedule.gamma=60",
    )  # fmt: skip
    assert summary_of(folder)["epochs"] < 9
    kept = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert torch.equal(shown[-1], kept["state_dict"][f"model.{weight}"])
    assert not torch.equal(shown[-1], kept["current_model_state"][f"model.{weight}"])


def test_a_profiler_is_heard(run, caplog):
    logging.getLogger("lightning.pytorch").addHandler(caplog.handler)
    run("trainer.profiler=simple", "callbacks=bare")
    logging.getLogger("lightning.pytorch").removeHandler(caplog.handler)
    assert "run_training_epoch" in caplog.text


def test_a_callback_may_try_a_few_steps_before_training(run):
    finder = "{_target_: lightning.pytorch.callbacks.BatchSizeFinder, max_trials: 2}"
    folder = run(f"+callbacks.finder={finder}", "callbacks=bare")
    assert summary_of(folder)["status"] == "completed"


def test_one_batch_can_be_learned_by_heart(run):
    folder = run(
        "+trainer.overfit_batches=1", "trainer.max_epochs=100", "trainer.limit_train_batches=null",
        "data.binarization=threshold", "objective=autoencoder", "data.batch_size=8",
        "optimizer.lr=5e-3", "callbacks=bare", "trainer.log_every_n_steps=1",
    )  # fmt: skip
    with (folder / "metrics.csv").open(newline="") as file:
        losses = [float(r["value"]) for r in csv.DictReader(file) if r["metric"] == "train/loss"]
    assert losses[0] > 400
    assert losses[-1] < 20
