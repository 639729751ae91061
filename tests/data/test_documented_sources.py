"""The programs in docs/data.md make the data that the page goes on with."""

import pytest
from documented import snippets

from vae_lab.data.factors import FactorsDataModule
from vae_lab.data.images import ImagesDataModule

PAGE = "docs/data.md"
OPTIONS = {"batch_size": 32, "global_batch_size": None, "seed": 0}
FOUND = {"cache": "cache", "image_shape": None}  # for sources that find their shape


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Runs the program that contains a word, in an empty folder; returns what it defines."""
    monkeypatch.chdir(tmp_path)

    def run(word):
        [program] = [snippet for snippet in snippets(PAGE, "python") if word in snippet]
        defined = {"__name__": "snippet"}
        exec(program, defined)
        return defined

    return run


def opened(datamodule):
    for stage in ("fit", "test"):
        datamodule.setup(stage)
    return datamodule


def test_digits_become_a_folder_of_pictures(execute):
    execute("load_digits")
    data = opened(
        ImagesDataModule(
            "pictures", None, image_size=16, fit="crop", channels=None, on_error="error",
            binarization="none", **OPTIONS, **FOUND,
        )
    )  # fmt: skip
    assert data.image_shape == (1, 16, 16)
    assert list(data.class_names) == [str(digit) for digit in range(10)]
    assert sum(map(len, data.splits.values())) == 1797


def test_rendered_shapes_become_data_with_factors(execute):
    execute("shapes.npz")
    options = OPTIONS | FOUND | {"val_size": None, "binarization": "threshold"}
    data = opened(FactorsDataModule("shapes.npz", "x", **options))
    assert data.factor_names == ("shape", "size", "x", "y")
    centre = data.splits["train"].images[:, 0].float().mean(1).argmax(1)
    assert (centre[data.factors("train")[:, 2] == 0] < centre.float().mean()).all()
    assert opened(FactorsDataModule("shapes.npz", None, **options)).class_names[2] == "triangle"


def test_a_class_of_ones_own_is_a_source(execute):
    source = execute("class Blots")["Blots"]
    data = opened(source(image_shape=(3, 12, 12), val_size=300, binarization="none", **OPTIONS))
    images, labels = data.examples(90)
    assert (images.flatten(2).mean(2).argmax(1) == labels).all()
