"""Images of one's own whose shape nobody told, from the command line to a loaded model."""

import json

import pytest
import yaml
from command_line import finish
from own_data import write_own_data
from script_runner import run_script

import vae_lab

QUICK = ("trainer.max_epochs=1", "callbacks=bare", "latent_dim=2", "evaluation.num_samples=2")
SOURCES = {
    "images": ("data.root=pictures", "data.image_size=[9,13]", "data.channels=3"),
    "arrays": ("data.root=cells.npz",),
}
SHAPES = {"images": (3, 9, 13), "arrays": (1, 28, 28)}


@pytest.mark.parametrize("source", SOURCES)
def test_the_shape_that_was_found_stays_with_the_run(source, tmp_path, monkeypatch):
    write_own_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    command = (f"data={source}", *SOURCES[source], *QUICK, "hydra.run.dir=run")
    finish(*command, folder=tmp_path, data=tmp_path)
    config = yaml.safe_load((tmp_path / "run" / ".hydra" / "config.yaml").read_text())
    assert tuple(config["data"]["image_shape"]) == SHAPES[source]
    assert vae_lab.load("run").sample(2).shape == (2, *SHAPES[source])
    finish("resume=run", "trainer.max_epochs=2", folder=tmp_path, data=tmp_path)
    run_script("evaluate", "run", "--num-samples", "2")
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    name = {"images": "pictures", "arrays": "cells"}[source]
    assert evaluation["protocol"]["dataset"] == name
    assert {"nll_bpd", "knn_accuracy"} <= evaluation["metrics"].keys()


def test_what_is_named_on_the_command_line_wins_over_what_comes_with_the_data(compose):
    with_it = compose("data=images", "data.root=pictures").model
    assert with_it.likelihood._target_.endswith("DiscretizedLogistic")
    assert with_it.encoder._target_.endswith("ConvEncoder")
    own = compose("data=images", "data.root=pictures", "likelihood=normal", "model=mlp").model
    assert own.likelihood._target_.endswith(".Normal")
    assert own.encoder._target_.endswith("MLP")
