"""A data set of one's own, from a class and a file of configuration to report and explorer."""

import json

import pytest
import torch
from command_line import finish
from PIL import Image
from script_runner import run_script

import vae_lab
from vae_lab.data import ImageDataModule
from vae_lab.explorer import standalone
from vae_lab.explorer.explored import ExploredRun

SHAPE = (3, 12, 10)
CONFIG = """
_target_: test_own_data.Blots
image_shape: [3, 12, 10]
batch_size: 8
val_size: 16
seed: ${seed}
"""


class Blots(ImageDataModule):
    """Noise in colour, which is the redder, the greener or the bluer."""

    class_names = ("reddish", "greenish", "bluish")

    def __init__(self, **options):
        super().__init__(global_batch_size=None, binarization="none", **options)

    def read(self, train):
        count = 48 if train else 24
        generator = torch.Generator().manual_seed(int(train))
        images = torch.randint(128, (count, *SHAPE), generator=generator, dtype=torch.uint8)
        labels = torch.arange(count) % 3
        images[torch.arange(count), labels] += 127
        return images, labels


MODELS = {"mlp": (), "conv": ("model.encoder.channels=[8]",)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on them, from the command line, with every picture."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "conf" / "data").mkdir(parents=True)
    (folder / "conf" / "data" / "blots.yaml").write_text(CONFIG)
    for model, sizes in MODELS.items():
        finish(
            f"--config-dir={folder / 'conf'}", "data=blots", "likelihood=normal", f"model={model}",
            *sizes, "callbacks=full", "latent_dim=2", "trainer.max_epochs=1",
            "evaluation.num_samples=2", f"hydra.run.dir=runs/{model}", folder=folder, data=folder,
        )  # fmt: skip
    return folder / "runs"


@pytest.fixture(params=MODELS)
def run(runs, request):
    return runs / request.param


def test_training_knows_the_classes_by_name_and_shows_colours(run):
    assert json.loads((run / "summary.json").read_text())["binarization"] == "none"
    labels = (run / "00000" / "default" / "metadata.tsv").read_text().split()
    assert set(labels) == set(Blots.class_names)
    pictures = {path.stem: path for path in (run / "images").glob("*.png")}
    assert {"interpolations", "latent_scatter", "manifold", "overview", "samples"} <= set(pictures)
    with Image.open(pictures["reconstructions"]) as picture:
        red, _, blue = picture.split()
        assert red.tobytes() != blue.tobytes()


def test_the_model_knows_what_its_pixels_are(run):
    trained = vae_lab.load(run)
    assert (trained.pixels, trained.image_shape) == ("continuous", SHAPE)


def test_the_evaluation_states_the_protocol_and_the_report_shows_it(runs):
    for model in MODELS:
        run_script("evaluate", runs / model, "--num-samples", "2", "--trust", "test_own_data")
    evaluation = json.loads((runs / "mlp" / "evaluation.json").read_text())
    assert evaluation["protocol"] == {
        "dataset": "Blots",
        "split": "test",
        "images": 24,
        "training_images": 32,
        "binarization": "none",
        "num_samples": 2,
        "seed": 0,
    }
    assert {"nll", "elbo", "knn_accuracy"} <= evaluation["metrics"].keys()
    assert "mnist_fid" not in evaluation["metrics"]
    run_script("report", runs)
    assert "Blots 3×12×10" in (runs / "report.html").read_text(encoding="utf-8")


def test_the_explorer_shows_it(run):
    explored = ExploredRun(run, ["test_own_data"])
    described = explored.describe()
    assert described["classes"] == list(Blots.class_names)
    assert described["noun"] == "image"
    assert explored.decode(torch.zeros(2, 2)).shape == (2, *SHAPE)
    pixels = explored.originals[0].numpy().tobytes()
    assert len(explored.encode(pixels)["mean"]) == 2
    assert "greenish" in standalone.page([explored])
