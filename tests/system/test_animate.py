"""``scripts/animate.py``: the films it makes, and what it refuses."""

import importlib.util

import pytest
from command_line import ROOT
from PIL import Image
from script_runner import refusal_of, run_script

from vae_lab.runs import launch
from vae_lab.training import train

SMALL = (
    "debug=fast", "trainer.max_epochs=3", "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory, mnist_root):
    """Makes a run directory with these options."""

    def start(*overrides):
        folder = tmp_path_factory.mktemp("run")
        conf = ROOT / "conf"
        cfg = launch.compose(conf, folder, [*SMALL, *overrides, f"data.root={mnist_root}"])
        train.train(cfg)
        return folder

    return start


@pytest.fixture(scope="module")
def filmed(trained):
    return trained("callbacks=bare", "latent_dim=2", *film_alone())


def film_alone():
    target = "vae_lab.training.callbacks.film.LearningFilm"
    options = "run_dir: ${run_dir}, every_n_epochs: 1, num_images: 50, size: 3, extent: 2.0"
    return (f"+callbacks.film={{_target_: {target}, {options}}}",)


def frames_of(path):
    with Image.open(path) as gif:
        return gif.n_frames


def test_all_three_films_are_made_as_gif_and_mp4(filmed, tmp_path, capsys):
    run_script("animate", filmed, "--output", tmp_path)
    expected = {
        f"{name}.{kind}"
        for name in ("learning", "walk", "interpolation")
        for kind in ("gif", "mp4")
    }
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert set(capsys.readouterr().out.split()) == {str(tmp_path / name) for name in expected}
    assert frames_of(tmp_path / "learning.gif") == 3
    assert frames_of(tmp_path / "walk.gif") > 100


def test_one_film_goes_into_the_run_directory_unless_told_otherwise(filmed):
    run_script("animate", filmed, "--what", "learning")
    assert (filmed / "images" / "learning.mp4").stat().st_size > 1000
    assert not (filmed / "images" / "walk.gif").exists()


@pytest.mark.parametrize("options", [("objective=autoencoder", "latent_dim=1"), ("latent_dim=5",)])
def test_a_run_without_frames_still_walks(trained, tmp_path, capsys, options):
    run = trained("callbacks=bare", *options)
    run_script("animate", run, "--output", tmp_path)
    assert "callbacks=film" in capsys.readouterr().err
    names = {path.stem for path in tmp_path.iterdir()}
    assert names == {"walk", "interpolation"}
    assert "callbacks=film" in refusal_of("animate", run, "--what", "learning")


def test_what_is_no_run_is_refused(tmp_path):
    assert "is not a run directory" in refusal_of("animate", tmp_path)


def test_without_the_extra_the_command_that_installs_it_is_named(filmed, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'vae-lab[film]'" in refusal_of("animate", filmed)
