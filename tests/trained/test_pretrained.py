"""A folder with configuration and weights: what is read back, and what is not even looked at."""

import json

import pytest
import torch
from small_runs import SMALL, SMALL_LADDER, write_run

import vae_lab
from vae_lab.trained import pretrained

pytest.importorskip("safetensors", reason="safetensors is not installed")

MODELS = {
    "default": SMALL,
    "ladder": SMALL_LADDER,
    "conv, grey": ("model=conv", "model.encoder.hidden_size=8", "likelihood=optimal_normal",
                   "data.binarization=none", "latent_dim=2"),
    "vampprior": (*SMALL, "prior=vampprior", "model.prior.num_components=3"),
    "flows": (*SMALL, "prior=flow", "posterior=iaf", "model.posterior.flow.hidden_features=[8]"),
    "autoencoder": (*SMALL, "objective=autoencoder"),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder that was written; no test may change it."""
    folder = tmp_path_factory.mktemp("pretrained")
    pretrained.write(vae_lab.load(write_run(folder / "run", *SMALL)), folder)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy of that folder to play with."""
    for name in (pretrained.CONFIG, pretrained.WEIGHTS):
        (tmp_path / name).write_bytes((written / name).read_bytes())
    return tmp_path


def change(folder, **parts):
    """Change parts of the model's configuration."""
    path = folder / pretrained.CONFIG
    config = json.loads(path.read_text())
    config["model"] |= parts
    path.write_text(json.dumps(config))


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_what_was_written_is_read_back_to_the_bit(overrides, tmp_path):
    original = vae_lab.load(write_run(tmp_path / "run", *overrides))
    paths = pretrained.write(original, tmp_path)
    assert [path.name for path in paths] == ["config.json", "model.safetensors"]
    assert paths[0].stat().st_mode == paths[1].stat().st_mode
    again = vae_lab.load(tmp_path)
    assert again.config == original.config
    assert not again.training
    images = original.sample(3, seed=0)
    assert torch.equal(again.sample(3, seed=0), images)
    codes = [model.encode(images.clamp(0, 1)).mean for model in (original, again)]
    assert torch.equal(*codes)


class Own(torch.nn.Flatten):
    """A module of one's own."""


def test_strangers_are_built_if_they_are_trusted(folder):
    change(folder, encoder={"_target_": "test_pretrained.Own", "_partial_": True, "start_dim": 1})
    with pytest.raises(ValueError, match=r"encoder names test_pretrained.Own, .* was not built"):
        vae_lab.load(folder)
    with pytest.raises(ValueError, match="in_shape"):  # called, with what a network is given
        vae_lab.load(folder, trust=["test_pretrained"])


def test_a_configuration_does_not_read_the_environment(folder):
    change(folder, latent_dim="${oc.env:HOME}")
    with pytest.raises(ValueError, match=r"model.latent_dim refers to what lies outside the run"):
        vae_lab.load(folder)


@pytest.mark.parametrize(
    "config",
    ["{}", "[]", "3", '{"model": 3}', '{"model": {"_target_": "torch.nn.Identity"}}'],
)
def test_a_configuration_of_something_else_is_refused(config, folder):
    (folder / pretrained.CONFIG).write_text(config)
    with pytest.raises(ValueError, match=r"config.json is not what vae-lab wrote"):
        vae_lab.load(folder)


def test_damaged_files_are_named(folder):
    weights, config = folder / pretrained.WEIGHTS, folder / pretrained.CONFIG
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model.safetensors is damaged or does not fit"):
        vae_lab.load(folder)
    config.write_text(config.read_text()[:-10])
    with pytest.raises(ValueError, match=r"config.json is damaged"):
        vae_lab.load(folder)


def test_weights_of_another_model_are_refused(folder):
    change(folder, latent_dim=3)
    with pytest.raises(ValueError, match="does not fit"):
        vae_lab.load(folder)


def test_a_folder_with_only_one_of_the_files_is_none(folder):
    (folder / pretrained.CONFIG).unlink()
    with pytest.raises(FileNotFoundError, match="is not a run directory"):
        vae_lab.load(folder)
