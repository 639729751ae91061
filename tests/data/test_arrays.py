"""Arrays of one's own: what is recognised, what is asked for, what is refused."""

import gzip
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from idx_files import write_idx

from vae_lab.data import gathered, mapped
from vae_lab.data.arrays import ArraysDataModule

GENERATOR = np.random.default_rng(0)


def pixels(*shape):
    return GENERATOR.integers(256, size=shape, dtype=np.uint8)


def opened(path, **changes):
    options = {
        "images": None, "labels": None, "layout": None, "image_shape": None, "val_size": None,
        "batch_size": 4, "global_batch_size": None, "binarization": "none", "seed": 0,
        "cache": "unused",
    }  # fmt: skip
    datamodule = ArraysDataModule(str(path), **options | changes)
    for stage in ("fit", "test"):
        datamodule.setup(stage)
    return datamodule


@pytest.fixture
def saved(tmp_path):
    """Opens what was saved as ``cells.npz`` under these names."""

    def save(changes=None, **arrays):
        np.savez(tmp_path / "cells.npz", **arrays)
        return opened(tmp_path / "cells.npz", **changes or {})

    return save


def held(datamodule, split):
    data = datamodule.splits[split]
    return data.images.numpy(), data.labels.tolist()


def test_what_a_file_does_not_divide_is_divided_by_number_alone(saved):
    images = np.broadcast_to(np.arange(50, dtype=np.uint8)[:, None, None], (50, 8, 9))
    datamodule = saved(images=images, labels=np.arange(50) // 5)
    splits = [held(datamodule, split) for split in ("train", "val", "test")]
    assert [len(x) for x, _ in splits] == [40, 5, 5]
    every = [int(value) for x, _ in splits for value in x[:, 0, 0, 0]]
    assert sorted(every) == list(range(50))
    assert [label for _, labels in splits for label in labels] == [n // 5 for n in every]
    assert every != sorted(every)
    again = saved(images=images[::-1], labels=np.arange(50) // 5)
    assert held(again, "test")[0][:, 0, 0, 0].tolist() == [49 - n for n in every[45:]]
    assert datamodule.name == "cells"


def test_splits_of_the_file_stay_in_its_order(saved):
    parts = {f"x_{split}": pixels(size, 8, 8, 3) for split, size in
             (("train", 20), ("val", 6), ("test", 7))}  # fmt: skip
    datamodule = saved(**parts, y_train=np.arange(20) % 2, y_val=np.ones(6), y_test=np.zeros(7))
    for split in ("train", "val", "test"):
        assert np.array_equal(held(datamodule, split)[0].transpose(0, 2, 3, 1), parts[f"x_{split}"])
    assert held(datamodule, "val")[1] == [1] * 6
    assert datamodule.class_names == ["0", "1"]


@pytest.mark.parametrize(("val_size", "expected"), [(None, 2), (5, 5), (0, 0)])
def test_validation_is_the_end_of_the_training_images(saved, val_size, expected):
    train = pixels(20, 8, 8)
    datamodule = saved({"val_size": val_size}, train_images=train, test_images=pixels(3, 8, 8))
    assert datamodule.validates == (expected > 0)
    assert np.array_equal(held(datamodule, "val")[0][:, 0], train[20 - expected :])


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((9, 28, 30), {}, (1, 28, 30)),
        ((9, 28, 30, 3), {}, (3, 28, 30)),
        ((9, 3, 28, 30), {}, (3, 28, 30)),
        ((9, 28, 30, 1), {}, (1, 28, 30)),
        ((9, 3, 28, 3), {"layout": "NCHW"}, (3, 28, 3)),
        ((9, 3, 28, 3), {"layout": "NHWC"}, (3, 3, 28)),
        ((9, 28, 3), {"layout": "NHW"}, (1, 28, 3)),
        ((9, 60), {"image_shape": [3, 4, 5]}, (3, 4, 5)),
    ],
)
def test_axes_are_told_apart(saved, shape, options, expected):
    assert saved(options, images=pixels(*shape)).image_shape == expected


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((9, 3, 28, 3), "data.layout must say .* NHWC or NCHW"),
        ((28, 28, 3), "data.layout must say .* one image"),
        ((9, 28, 28, 2), "neither 1 nor 3 channels"),
        ((9, 64), r"data.images must name .* images \(9, 64\).* data.image_shape"),
        ((9, 2, 8, 8, 3), "must have 3 axes, or 4"),
        ((3, 8, 8), "data.root: too few images for three splits, 3"),
    ],
)
def test_what_cannot_be_told_is_asked_for(saved, shape, message):
    with pytest.raises(ValueError, match=message):
        saved(images=pixels(*shape))


def test_a_shape_that_is_given_has_to_be_that_of_the_images(saved):
    with pytest.raises(ValueError, match=r"image_shape is \(1, 9, 9\), but the images are"):
        saved({"image_shape": [1, 9, 9]}, images=pixels(9, 8, 8))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 7, 255], np.uint8), [0, 7, 255]),
        (np.array([0, 7, 255], np.int64), [0, 7, 255]),
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.arange(3) / 255, [0, 1, 2]),
        (np.array([0, 1, 1], np.int32), [0, 255, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
    ],
)
def test_pixels_become_bytes(saved, values, expected):
    images = np.broadcast_to(values[:, None], (6, 8, 3, 8)).transpose(0, 1, 3, 2)
    assert held(saved(images=images), "test")[0][0, :, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((9, 8, 8), np.nan), "data.root: images holds NaN"),
        (np.full((9, 8, 8), 16.0), r"data.root: images must be .*\[0, 1\], got 16 to 16"),
        (np.full((9, 8, 8), 300), "data.root: images must be bytes.* got whole numbers from 300"),
        (np.full((9, 8, 8), "a"), "data.root: images holds no pixels"),
        (np.zeros((0, 8, 8)), "data.root: images holds no pixels"),
        (np.full((9, 8, 8), {}, dtype=object), "holds Python objects, which could run code"),
    ],
)
def test_what_is_no_picture_is_refused(saved, values, message):
    with pytest.raises(ValueError, match=message):
        saved(images=values)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([3, 7] * 5), ["3", "7"]),
        (np.array([[3.0], [7.0]] * 5), ["3", "7"]),
        (np.array(["cat", "ant"] * 5), ["ant", "cat"]),
    ],
)
def test_labels_may_be_any_whole_numbers_or_words(saved, labels, names):
    datamodule = saved(x=pixels(10, 8, 8), target=labels)
    assert datamodule.class_names == names
    every = [label for split in ("train", "val", "test") for label in held(datamodule, split)[1]]
    assert sorted(every) == [0] * 5 + [1] * 5


def test_classes_have_the_names_that_the_file_lists(saved):
    names = np.array(["ant", "bee", "cat"])
    datamodule = saved(x=pixels(10, 8, 8), y=np.array([0, 2] * 5), class_names=names)
    assert datamodule.class_names == ["ant", "cat"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(9), "data.labels: 10 images need one label each, but y is .9,."),
        (np.zeros((10, 6)), "data.labels: 10 images need .* data.labels=none reads none"),
        (np.linspace(0, 1, 10), "data.labels: y must hold whole numbers or text"),
    ],
)
def test_labels_that_are_none_are_refused_or_left_out(saved, labels, message):
    with pytest.raises(ValueError, match=message):
        saved(x=pixels(10, 8, 8), y=labels)
    assert saved({"labels": "none"}, x=pixels(10, 8, 8), y=labels).class_names == ("image",)


def test_arrays_under_other_names_are_found_if_alone_and_asked_for_if_not(saved):
    one, two = pixels(10, 8, 8), pixels(10, 9, 9)
    assert saved(cells=one).image_shape == (1, 8, 8)
    with pytest.raises(ValueError, match=r"data.images must name .* cells \(10, 8, 8\), masks"):
        saved(cells=one, masks=two)
    kinds = np.arange(10) % 3
    chosen = saved({"images": "masks", "labels": "kind"}, cells=one, masks=two, kind=kinds)
    assert (chosen.image_shape, len(chosen.class_names)) == ((1, 9, 9), 3)
    for option in ("images", "labels"):
        with pytest.raises(ValueError, match=f"data.{option}=nonesuch is no array .* cells"):
            saved({option: "nonesuch"}, cells=one)


@pytest.mark.parametrize("suffix", ["npy", "pt", "pair.pt", "nested.pth"])
def test_one_image_is_the_same_from_every_format(tmp_path, suffix):
    images, labels = pixels(10, 8, 9), np.arange(10)
    path = tmp_path / f"cells.{suffix}"
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    match suffix:
        case "npy":
            np.save(path, images)
        case "pt":
            torch.save(x.bfloat16() / 255, path)
            images = ((x.bfloat16() / 255).float() * 255).round().byte().numpy()
        case "pair.pt":
            torch.save((x, y), path)
        case "nested.pth":
            torch.save({"train": {"images": x, "labels": y}, "test": [x, y]}, path)
    datamodule = opened(path)
    found = {image.tobytes() for s in datamodule.splits.values() for image in s.images.numpy()}
    assert found == {image.tobytes() for image in images}
    assert len(datamodule.class_names) == (10 if suffix in ("pair.pt", "nested.pth") else 1)


def write(kind, path):
    """Save images in one way or another, and return the file."""
    images, grey = pixels(30, 8, 9, 3), GENERATOR.random((30, 8, 9))
    match kind:
        case "npy":
            np.save(path.with_suffix(".npy"), images)
        case "columns first":
            np.save(path.with_suffix(".npy"), np.asfortranarray(images))
        case "compressed":
            splits = {"x_train": grey[:20], "x_val": grey[20:23] > 0.5, "x_test": grey[23:]}
            np.savez_compressed(path.with_suffix(".npz"), **splits, y_train=np.arange(20) % 3,
                                y_val=np.ones(3), y_test=np.zeros(7))  # fmt: skip
        case "tensor":
            torch.save({"x": torch.from_numpy(grey).bfloat16()}, path.with_suffix(".pt"))
        case "idx":
            write_idx(path.with_suffix(".idx"), images[..., 0])
    return next(path.parent.glob("cells.*"))


@pytest.mark.parametrize("kind", ["npy", "columns first", "compressed", "tensor", "idx"])
def test_what_is_too_large_for_the_memory_is_the_same_from_a_file(kind, tmp_path, monkeypatch):
    path, cache = write(kind, tmp_path / "cells"), tmp_path / "cache"
    usual = opened(path)
    monkeypatch.setattr(gathered, "AT_ONCE", 7 * 8 * 9 * 8)  # bytes of a few images
    monkeypatch.setattr(mapped, "LARGE", 0.0)
    first, again = opened(path, cache=str(cache)), opened(path, cache=str(cache))
    for datamodule in (first, again):
        assert datamodule.mapped is not None
        for split in ("train", "val", "test"):
            for mine, theirs in zip(held(datamodule, split), held(usual, split), strict=True):
                assert np.array_equal(mine, theirs)
    assert len(list(cache.glob("*.bytes"))) == 1
    np.save(path.with_name("other.npy"), pixels(30, 8, 9))
    opened(path.with_name("other.npy"), cache=str(cache))
    assert len(list(cache.glob("*.bytes"))) == 2


def test_mnists_idx_files_bring_their_labels_and_the_other_split(tmp_path):
    train, test = pixels(20, 8, 8), pixels(5, 8, 8)
    for prefix, images in (("train", train), ("t10k", test)):
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte", np.arange(len(images), dtype=np.uint8))
    packed = tmp_path / "train-images-idx3-ubyte"
    packed.with_name(f"{packed.name}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    datamodule = opened(f"{packed}.gz", val_size=4)
    assert np.array_equal(held(datamodule, "val")[0][:, 0], train[16:])
    assert np.array_equal(held(datamodule, "test")[0][:, 0], test)
    assert held(datamodule, "val")[1] == [16, 17, 18, 19]


class Malice:
    def __reduce__(self):
        return (Path.touch, (Path("code_was_run"),))


def test_a_file_that_holds_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "cells.pt", tmp_path / "cells.npy", tmp_path / "cells"):
        path.write_bytes(pickle.dumps(Malice(), protocol=2))
        with pytest.raises(ValueError, match=f"data.root=.*{path.name}: it .*(objects|none of)"):
            opened(path)
    assert not (tmp_path / "code_was_run").exists()


@pytest.mark.parametrize("name", ["cells.npz", "cells.npy", "cells.pt", "cells.idx", "cells.gz"])
def test_a_damaged_or_missing_file_is_named(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match=f"data.root=.*{name} is not there"):
        opened(path)
    claims_much = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 64, 64)}
    np.lib.format.write_array_header_1_0(claims_much, header)
    for content in (b"", b"no array at all", claims_much.getvalue()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"data.root=.*{name}: it (cannot be read|is damaged)"):
            opened(path)
    with pytest.raises(FileNotFoundError, match="a folder, which data=images reads"):
        opened(tmp_path)
