"""``scripts/animate.py``: the films it makes, and what it refuses."""

import importlib.util
import shutil

import pytest
from explorable_runs import SMALL, write_run
from full_run import EPOCHS
from PIL import Image
from script_runner import refusal_of, run_script


@pytest.fixture
def filmed(full_run, tmp_path):
    """A run with two latents and a frame for every epoch, to play with."""
    return shutil.copytree(full_run, tmp_path / "filmed")


def frames_of(path):
    with Image.open(path) as gif:
        return gif.n_frames


def test_all_three_films_are_made_as_gif_and_mp4(full_run, tmp_path, capsys):
    run_script("animate", full_run, "--output", tmp_path)
    expected = {
        f"{name}.{kind}"
        for name in ("learning", "walk", "interpolation")
        for kind in ("gif", "mp4")
    }
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert set(capsys.readouterr().out.split()) == {str(tmp_path / name) for name in expected}
    assert frames_of(tmp_path / "learning.gif") == EPOCHS
    assert frames_of(tmp_path / "walk.gif") > 100


def test_one_film_goes_into_the_run_directory_unless_told_otherwise(filmed):
    run_script("animate", filmed, "--what", "learning")
    assert (filmed / "images" / "learning.mp4").stat().st_size > 1000
    assert not (filmed / "images" / "walk.gif").exists()


def test_a_run_without_frames_still_walks(mnist_root, tmp_path, capsys):
    overrides = (*SMALL, "objective=autoencoder", "latent_dim=1")
    run = write_run(tmp_path / "run", mnist_root, *overrides)
    run_script("animate", run, "--output", tmp_path / "films")
    assert "callbacks=film" in capsys.readouterr().err
    names = {path.stem for path in (tmp_path / "films").iterdir()}
    assert names == {"walk", "interpolation"}
    assert "callbacks=film" in refusal_of("animate", run, "--what", "learning")


def test_more_latents_than_a_caption_holds_are_walked_through(mnist_root, tmp_path):
    run = write_run(tmp_path / "run", mnist_root, *SMALL, "latent_dim=5")
    run_script("animate", run, "--what", "walk")
    assert frames_of(run / "images" / "walk.gif") > 100


def test_what_is_no_run_is_refused(tmp_path):
    assert "is not a run directory" in refusal_of("animate", tmp_path)


def test_without_the_extra_the_command_that_installs_it_is_named(full_run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'vae-lab[film]'" in refusal_of("animate", full_run)
