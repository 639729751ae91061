"""``scripts/generate.py``: the pictures it makes, and what it refuses."""

import pytest
import torch
from PIL import Image
from script_runner import refusal_of, run_script
from small_runs import SMALL, SMALL_LADDER, write_run

import vae_lab
from vae_lab.pictures import plots


@pytest.fixture(params=[SMALL, SMALL_LADDER], ids=["flat", "ladder"])
def run(request, tmp_path):
    return write_run(tmp_path / "run", *request.param)


@pytest.fixture
def flat(tmp_path):
    return write_run(tmp_path / "run", *SMALL)


def picture_of(path):
    with Image.open(path) as picture:
        return picture.convert("RGB")


def test_a_temperature_is_that_of_the_samples_and_stands_in_the_title(run, monkeypatch):
    titles = []
    grid = plots.image_grid
    monkeypatch.setattr(
        plots, "image_grid", lambda images, title: titles.append(title) or grid(images, title)
    )
    run_script("generate", run, "--num", "9", "--temperature", "0.8", "--seed", "4")
    expected = grid(vae_lab.load(run).sample(9, 0.8, 4), "Samples, temperature 0.8")
    assert picture_of(run / "images" / "generated.png") == expected
    run_script("generate", run, "--num", "9")
    assert titles == ["Samples, temperature 0.8", "Samples"]


def test_samples_are_those_that_the_seed_gives_the_model(run, capsys):
    run_script("generate", run, "--num", "4", "--seed", "3", "--output", run / "some.png")
    assert capsys.readouterr().out.strip() == str(run / "some.png")
    model = vae_lab.load(run).model
    torch.manual_seed(3)
    with torch.no_grad():
        images = model.sample(4)
    assert picture_of(run / "some.png") == plots.image_grid(images, "Samples")


@pytest.mark.parametrize("point", ["0.5,-1.2", "-0.5,1.2"])
@pytest.mark.parametrize("form", ["--at {}", "--at={}"])
def test_a_point_is_decoded(run, point, form):
    run_script("generate", run, *form.format(point).split())
    latents = [float(number) for number in point.split(",")]
    image = vae_lab.load(run).decode(torch.tensor([latents]))
    expected = plots.image_grid(image, f"z = ({point})")
    assert picture_of(run / "images" / "generated.png") == expected


def test_images_are_reconstructed(flat, mnist_root, monkeypatch):
    monkeypatch.setenv("VAE_LAB_DATA", str(mnist_root))
    run_script("generate", flat, "--reconstruct", "test")
    assert (flat / "images" / "generated.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--num", "0"), "--num must be at least 1, got 0"),
        (("--num", "4", "--temperature", "-1"), "a finite number of at least 0, got -1.0"),
        (("--num", "4", "--temperature", "nan"), "a finite number of at least 0, got nan"),
        (("--at", "0,0", "--temperature", "0.5"), "--temperature goes with --num"),
        (("--at", "0"), "--at takes 2 finite numbers for this run, got 0"),
        (("--at", "0,nan"), "--at takes 2 finite numbers for this run, got 0,nan"),
        (("--at", "0,a"), "--at takes numbers separated by commas, got 0,a"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, words, flat):
    assert words in refusal_of("generate", flat, *arguments)
    assert not (flat / "images").exists()


def test_no_picture_is_lost(flat):
    for _ in range(3):
        run_script("generate", flat, "--num", "1")
    assert {path.name for path in (flat / "images").iterdir()} == {
        "generated.png", "generated_2.png", "generated_3.png"
    }  # fmt: skip
    taken = flat / "images" / "generated.png"
    before = taken.read_bytes()
    said = refusal_of("generate", flat, "--num", "4", "--output", taken)
    assert f"{taken} is there already" in said
    assert taken.read_bytes() == before


def test_a_split_without_images_is_refused(tmp_path, mnist_root, monkeypatch):
    monkeypatch.setenv("VAE_LAB_DATA", str(mnist_root))
    run = write_run(tmp_path / "run", *SMALL, "data.val_size=0")
    assert "this run has no val images" in refusal_of("generate", run, "--reconstruct", "val")


def test_what_is_no_run_is_refused(tmp_path):
    assert "is not a run directory" in refusal_of("generate", tmp_path / "no", "--num", "1")
    assert list(tmp_path.iterdir()) == []
