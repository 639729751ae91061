"""Data sets in the Hugging Face hub's formats: columns, splits, classes, what is refused."""

import importlib.util
import io
import json

import numpy as np
import pytest
from PIL import Image

from vae_lab.data import huggingface
from vae_lab.data.huggingface import HuggingFaceDataModule
from vae_lab.extras import MissingExtraError

NAMES = ["ant", "bee"]
COUNT = 40


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The library, which keeps its files to itself; what tests write needs no more than pyarrow."""
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def png(value):
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 9), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, values, labels=None, typed=True, broken=(), label="label"):
    """Write pictures that tell their values, with labels that do so too unless they are given."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    pictures = [{"bytes": b"words" if v in broken else png(v), "path": None} for v in values]
    columns = {"image": pictures, label: [v % 2 for v in values] if labels is None else labels}
    features = {"image": {"_type": "Image"}, label: {"names": NAMES, "_type": "ClassLabel"}}
    table = pa.table(columns)
    if typed:
        described = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": described})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path)


@pytest.fixture
def opened(library, tmp_path):
    """Opens ``set``, or another root."""

    def open_set(root=tmp_path / "set", **changes):
        options = {
            "subset": None, "images": None, "labels": None, "image_size": None, "fit": "crop",
            "channels": None, "on_error": "error", "cache": str(tmp_path / "cache"),
            "image_shape": None, "val_size": None, "batch_size": 4, "global_batch_size": None,
            "binarization": "none", "seed": 0,
        }  # fmt: skip
        datamodule = HuggingFaceDataModule(str(root), **options | changes)
        for stage in ("fit", "test"):
            datamodule.setup(stage)
        return datamodule

    return open_set


def held(datamodule):
    """Return the value of each picture, by split; they wear the labels that belong to them."""
    values = {}
    for name, split in datamodule.splits.items():
        values[name] = split.images[:, 0, 0, 0].tolist()
        if len(datamodule.class_names) == 2:
            assert split.labels.tolist() == [value % 2 for value in values[name]]
    return values


def test_splits_and_classes_are_those_of_the_set(opened, tmp_path):
    for number, split in enumerate(("train", "validation", "test")):
        write(tmp_path / "set" / "data" / f"{split}-0.parquet", range(10 * number, 10 * number + 5))
    datamodule = opened()
    assert (datamodule.image_shape, datamodule.name) == ((1, 8, 9), "set")
    assert datamodule.class_names == NAMES
    assert held(datamodule) == {
        "train": list(range(5)), "val": list(range(10, 15)), "test": list(range(20, 25))
    }  # fmt: skip


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "plain"])
def test_what_is_not_divided_is_divided_at_random_but_always_alike(opened, tmp_path, typed):
    write(tmp_path / "all.parquet", range(COUNT), typed=typed)
    first, again = (held(opened(tmp_path / "all.parquet")) for _ in range(2))
    assert first == again
    assert sorted(sum(first.values(), [])) == list(range(COUNT))  # noqa: RUF017
    assert (len(first["val"]), len(first["test"])) == (4, 4)
    assert max(first["train"]) > 36
    larger = held(opened(tmp_path / "all.parquet", val_size=10))
    assert (len(larger["val"]), larger["test"]) == (10, first["test"])


def test_what_cannot_be_read_is_left_out_with_its_label(opened, tmp_path, caplog):
    write(tmp_path / "set" / "a.parquet", range(COUNT), broken=(3, 8))
    with pytest.raises(ValueError, match=r"set/train/\d cannot be read: it is no picture"):
        opened()
    kept = held(opened(on_error="skip"))
    assert sorted(sum(kept.values(), [])) == sorted({*range(COUNT)} - {3, 8})  # noqa: RUF017
    assert "2 of 40 pictures were left out" in caplog.text


def test_labels_may_be_left_alone_or_text(opened, tmp_path):
    write(tmp_path / "set" / "a.parquet", range(COUNT), [-1] * COUNT)
    with pytest.raises(ValueError, match="some images of train have no label"):
        opened()
    assert opened(labels="none").class_names == ("image",)
    texts = [NAMES[value % 2] for value in range(COUNT)]
    write(tmp_path / "set" / "a.parquet", range(COUNT), texts, typed=False, label="kind")
    assert opened().class_names == ("image",)
    assert opened(labels="kind").class_names == NAMES
    held(opened(labels="kind"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": "picture"}, r"data.images=picture is no column of .*: image, label"),
        ({"labels": "kind"}, "data.labels=kind is no column of"),
        ({"root": "some/where"}, "data.root=some/where cannot be opened: .*no such file or folder"),
        ({"root": "./some/where"}, "cannot be opened: it is not there"),
        ({"root": __file__}, r"cannot be opened: it is none of \.parquet, \.arrow"),
        ({"subset": "small"}, "cannot be opened: .*small"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_in_one_line(opened, tmp_path, changes, message):
    write(tmp_path / "set" / "a.parquet", range(8))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        opened(**changes)


def test_a_set_without_pictures_is_told(opened, tmp_path):
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    pyarrow.parquet.write_table(pa.table({"x": [1] * 8, "y": [2] * 8}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"data.images must name the column .*which has x, y"):
        opened(tmp_path / "a.parquet")


@pytest.mark.skipif(importlib.util.find_spec("datasets") is not None, reason="it is installed")
def test_without_the_library_one_hears_how_to_install_it():
    with pytest.raises(MissingExtraError, match=r"pip install 'vae-lab\[hf\]'"):
        huggingface._opened("some/where", None)
