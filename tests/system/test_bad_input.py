"""Bad input gets one clear line and a non-zero exit status, and nothing is lost."""

import json
import pickle
import sys
from pathlib import Path

import pytest
import torch
from command_line import train, train_cold

from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.training import train as training

SMALL = ("debug=fast", "model.encoder.hidden_sizes=[16]", "model.decoder.hidden_sizes=[16]")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=mpl"], "error: there is no model=mpl; did you mean model=mlp? model is one of"),
        (["+beta=4"], "error: +beta=4: there is no beta; did you mean objective.beta=4?"),
        (["-m", "latent_dims=2,3"], "did you mean latent_dim=2,3?"),
        (["-m", "model=mlp,conv", "++model.encoder.blocks=2"], "blocks is no argument of"),
        (["resume=nowhere"], "error: nowhere is not a run directory"),
        (["hydra.run.dir=/proc/nowhere"], "error: the run directory cannot be made"),
    ],
)
def test_the_command_line_refuses_in_one_line_and_leaves_nothing(
    overrides, message, tmp_path, mnist_root
):
    done = train_cold(*overrides, folder=tmp_path, data=mnist_root)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("latent_dim=0", "error: latent_dim must be at least 1, got 0"),
        ("data.val_size=60000", "error: data.val_size must be less than 60000"),
        ("data.val_size=-1", "error: data.val_size must be at least 0"),
        ("data.batch_size=0", "error: data.batch_size must be at least 1, got 0"),
        ("data.binarization=grey", "error: data.binarization must be one of dynamic, static"),
        (
            "objective.beta=wramup",
            "error: objective.beta: 'wramup' is neither a number nor a",
        ),
        ("evaluation.num_samples=0", "error: evaluation.num_samples must be at least 1"),
        (
            "trainer.devices=0",
            "error: trainer.devices=0: `Trainer(devices=0)` value is not",
        ),
        ("seed=-1", "error: seed must be at least 0, got -1"),
        ("trainer.precision=31", "error: trainer.precision must be one of"),
        ("seed=null", "error: seed must be a whole number of at least 0, got null"),
        ("data.val_size=0.1", "error: data.val_size must be a whole number of at least 0"),
        ("data.dataset=EMNIST", "error: data.dataset must be one of MNIST, FashionMNIST, KMNIST"),
        ("trainer.max_epochs=abc", "error: trainer.max_epochs must be a whole number"),
        ("latent_dim=two", "error: latent_dim must be a whole number of at least 1, got two"),
        (
            "+model.encoder={_target_: mynet.Wide}",
            "error: model.encoder._target_ is mynet.Wide, but Python finds no module mynet: put",
        ),
        (
            "+callbacks.stop={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/x}",
            "error: callbacks.stop.monitor: x is no known metric",
        ),
        (
            "model.encoder.hidden_sizes=[0]",
            "error: model.encoder.hidden_sizes must be a list of whole numbers of at least 1",
        ),
    ],
)
def test_a_bad_value_gets_one_clear_line(override, message, compose):
    with pytest.raises(SystemExit) as refusal:
        training.train(compose("debug=fast", override))
    text = str(refusal.value)
    assert text.startswith(message)
    assert "\n" not in text


def test_a_damaged_data_file_is_named_with_both_hashes(tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03")
    done = train(*SMALL, folder=tmp_path, data=tmp_path / "data")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error:")
    assert "train-images-idx3-ubyte is corrupt: expected sha256 ba8910" in last


def test_a_nan_loss_names_the_step_and_keeps_the_good_checkpoint(tmp_path, mnist_root):
    steps = 10
    broken = f"+callbacks.nan={{_target_: probes.BreakWeights, step: {steps + 2}}}"
    done = train(*SMALL, "hydra.run.dir=run", broken, folder=tmp_path, data=mnist_root)
    assert done.returncode == 1
    assert f"error: train/loss is nan at step {steps + 2} (epoch 1)" in done.stderr
    run = tmp_path / "run"
    assert json.loads((run / "summary.json").read_text())["status"] == "failed"
    for name in ("best", "last"):
        kept = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert kept["global_step"] == steps
        assert all(value.isfinite().all() for value in kept["state_dict"].values())


class Malice:
    def __reduce__(self):
        return (Path.touch, (Path("code_was_run"),))


def test_a_checkpoint_that_holds_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.write_bytes(pickle.dumps({"state_dict": Malice()}, protocol=2))
    with pytest.raises(ValueError, match="holds code instead of weights, and was not loaded"):
        read_checkpoint(checkpoint)
    assert not (tmp_path / "code_was_run").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("posterior=deterministic",), "it goes with objective=autoencoder"),
        (("data.image_shape=[1,14,14]",), r"image_shape is \(1, 14, 14\), but the images are"),
        (("callbacks=early_stopping", "data.val_size=0"), "early_stopping needs validation"),
        (("objective=autoencoder", "model=ladder"), "needs a model with one group of latents"),
        (("objective=iwae", "objective.dreg=true", "compile=true"), "compile=false"),
        (("objective=iwae", "objective.dreg=true", "model=ladder"), "one group of latents"),
        (("objective=tcvae", "posterior=iaf"), "needs posterior=diagonal_normal"),
        (("objective=tcvae", "prior=mixture"), "needs a prior of independent dimensions"),
        (("objective=info_vae", "prior=vampprior"), "a prior whose samples carry gradients"),
        (("prior=vampprior", "posterior=iaf"), "needs a normal posterior"),
        (("prior=vampprior", "data.val_size=59900"), "num_components must be at most 100,"),
        (("likelihood=discretized_logistic",), "scores 256 levels, not binarised pixels"),
        (("posterior=iaf", "latent_dim=1"), "latent_dim of at least 2"),
        (
            ("objective.beta=null",),
            "objective.beta must be a number of at least 0 or text",
        ),
        (
            ("trainer=ddp_cpu", "trainer.devices=1000"),
            r"trainer.devices=1000 on a processor is as many processes, and .* take at most",
        ),
        (("optimizer.lr=abc",), "optimizer.lr must be a number greater than 0, got abc"),
        (
            ("trainer.precision=bf16-mixed", "trainer.gradient_clip_val=1"),
            "needs optimizer.fused=false",
        ),
        (
            ("trainer.precision=16-mixed", "optimizer=adam_normgrad"),
            "adam_normgrad scales gradients",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(overrides, message, compose):
    with pytest.raises(SystemExit, match=message):
        training.train(compose("debug=fast", *overrides))


def test_a_sweep_goes_on_after_a_failed_run(tmp_path, mnist_root):
    done = train("-m", *SMALL, "latent_dim=0,2", folder=tmp_path, data=mnist_root)
    assert done.returncode == 1
    assert "error: latent_dim must be at least 1, got 0" in done.stderr
    summaries = [json.loads(path.read_text()) for path in tmp_path.rglob("summary.json")]
    assert sorted(summary["status"] for summary in summaries) == ["completed", "failed"]


def test_an_optimiser_whose_library_is_missing_names_the_extra(compose, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(SystemExit, match=r"is missing: pip install 'vae-lab\[soap\]'"):
        training.train(compose("debug=fast", "optimizer=soap"))
