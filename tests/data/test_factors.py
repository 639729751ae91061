"""Images with factors of variation: what a file says of them, and that they stay together."""

import numpy as np
import pytest
import torch

from vae_lab.data.factors import FactorsDataModule

SIZES, PLACES = (2, 4), range(8)


def rendered(white=1):
    """Return squares of two sizes at eight places, three times over; one factor is fixed."""
    images, codes = [], []
    for size_code, size in enumerate(SIZES):
        for place in PLACES:
            image = np.zeros((8, 12), np.uint8)
            image[:size, place : place + size] = white
            images.append(image)
            codes.append((0, size_code, place))
    return {"imgs": np.array(images * 3), "latents_classes": np.array(codes * 3)}


@pytest.fixture
def opened(tmp_path):
    """Opens a file that holds the rendered squares, with some arrays changed."""

    def open_file(arrays=None, **changes):
        np.savez(tmp_path / "squares.npz", **{**rendered(), **(arrays or {})})
        options = {
            "label": None, "image_shape": None, "val_size": None, "binarization": "threshold",
            "batch_size": 4, "global_batch_size": None, "seed": 0, "cache": "unused",
        }  # fmt: skip
        datamodule = FactorsDataModule(str(tmp_path / "squares.npz"), **options | changes)
        for stage in ("fit", "test"):
            datamodule.setup(stage)
        return datamodule

    return open_file


NAMED = {"factor_names": np.array(["colour", "size", "place"])}


def test_images_and_their_factors_stay_together_in_every_split(opened):
    datamodule = opened(NAMED, label="place", val_size=9)
    assert datamodule.factor_names == ("size", "place")
    counts = []
    for split in ("train", "val", "test"):
        data, factors = datamodule.splits[split], datamodule.factors(split)
        white = data.images[:, 0] == 255
        size = white.any(2).sum(1)
        assert torch.equal(factors[:, 0], (size == 4).long())
        assert torch.equal(factors[:, 1], white.any(1).long().argmax(1))
        assert torch.equal(data.labels, factors[:, 1])
        counts.append(len(data))
    assert counts == [35, 9, 4]
    assert datamodule.class_names == tuple("01234567")


@pytest.mark.parametrize("binarization", ["threshold", "static", "dynamic"])
def test_black_and_white_images_are_not_copied_to_be_binarised(opened, binarization):
    datamodule = opened(binarization=binarization)
    start = datamodule.found.images.data_ptr()
    for data in datamodule.splits.values():
        assert data.images.data_ptr() == start
        start += data.images.nbytes


def test_values_have_names_where_the_file_says_them(opened):
    values = rendered()["latents_classes"] * 0.25
    datamodule = opened(NAMED | {"latents_values": values, "size_names": ["small", "large"]})
    assert datamodule.class_names == ("small", "large")
    assert opened(NAMED | {"latents_values": values}, label="place").class_names[:3] == (
        "0", "0.25", "0.5",
    )  # fmt: skip


def test_dsprites_is_known_by_its_columns_though_its_names_lie_in_a_pickle(opened):
    codes = rendered()["latents_classes"]
    six = np.concatenate([codes[:, :1], codes[:, 2:] % 3, codes, codes[:, :1]], axis=1)
    datamodule = opened(
        {"latents_classes": six, "metadata": np.array({"latents_names": ()}, dtype=object)}
    )
    assert datamodule.factor_names == ("shape", "orientation", "posX")
    assert datamodule.class_names == ("square", "ellipse", "heart")


@pytest.mark.parametrize(
    ("arrays", "changes", "message"),
    [
        (NAMED, {"label": "colour"}, "data.label=colour is no factor .* varies: size, place"),
        ({}, {"label": "colour"}, "factor2, factor3"),
        ({"imgs": rendered(200)["imgs"]}, {}, "data.binarization=none likelihood=discretized"),
        ({"latents_classes": np.zeros((7, 3), int)}, {}, "data.label: no factor of .* varies"),
        ({"latents_classes": np.arange(14).reshape(7, 2)}, {}, "48 images, but 7 latents_classes"),
        ({"latents_classes": np.zeros(48)}, {}, r"must be numbers \(N, F\)"),
        ({"factor_names": np.array(["a", "a", "b"])}, {}, "3 names, all different"),
        (NAMED | {"size_names": np.array(["s"])}, {}, "size has 2 values, size_names 1"),
    ],
)
def test_a_file_that_does_not_fit_is_told(opened, arrays, changes, message):
    with pytest.raises(ValueError, match=message):
        opened(arrays, **changes)


def test_a_file_without_factors_is_told(tmp_path):
    np.savez(tmp_path / "a.npz", imgs=np.zeros((8, 8, 8), np.uint8))
    options = {
        "label": None,
        "cache": "unused",
        "image_shape": None,
        "val_size": None,
        "binarization": "threshold",
    }
    with pytest.raises(ValueError, match="must hold the factors as latents_classes or factors"):
        FactorsDataModule(str(tmp_path / "a.npz"), **options)
