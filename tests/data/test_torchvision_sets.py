"""Data sets of torchvision, from small files made here."""

import hashlib
import pickle
from urllib.error import URLError

import numpy as np
import pytest
import torch
from idx_files import write_idx
from torchvision import datasets
from torchvision.datasets import mnist

from vae_lab.data.torchvision_sets import TorchvisionDataModule

PIXELS = np.random.default_rng(0).integers(256, size=(30, 3, 32, 32), dtype=np.uint8)


def no_route(*_, **__):
    raise URLError("no route to host")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(mnist, "download_and_extract_archive", no_route)
    monkeypatch.setattr("urllib.request.urlopen", no_route)


@pytest.fixture
def opened(tmp_path):
    def open_set(dataset, **changes):
        options = {
            "root": str(tmp_path), "image_shape": None, "val_size": 5, "batch_size": 4,
            "global_batch_size": None, "binarization": "none", "seed": 0,
        }  # fmt: skip
        return TorchvisionDataModule(dataset, **options | changes)

    return open_set


def write_cifar10(root, monkeypatch):
    folder = root / "cifar-10-batches-py"
    folder.mkdir()

    def dump(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return name, hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(images):
        return {
            "data": images.reshape(len(images), -1),
            "labels": [n % 3 for n in range(len(images))],
        }

    monkeypatch.setattr(datasets.CIFAR10, "train_list", [dump("data_batch_1", batch(PIXELS[:20]))])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [dump("test_batch", batch(PIXELS[20:]))])
    name, md5 = dump("batches.meta", {"label_names": ["plane", "car", "bird"]})
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5}
    )


@pytest.mark.parametrize("image_shape", [None, (3, 32, 32)])
def test_cifar10_needs_no_network_where_its_files_lie(opened, tmp_path, monkeypatch, image_shape):
    write_cifar10(tmp_path, monkeypatch)
    datamodule = opened("CIFAR10", image_shape=image_shape)
    datamodule.prepare_data()
    for stage in ("fit", "test"):
        datamodule.setup(stage)
    images = [datamodule.splits[split].images for split in ("train", "val", "test")]
    assert torch.equal(torch.cat(images), torch.from_numpy(PIXELS))
    assert list(map(len, images)) == [15, 5, 10]
    assert datamodule.image_shape == (3, 32, 32)
    assert datamodule.class_names == ["plane", "car", "bird"]
    assert datamodule.name == "CIFAR10"


def test_emnist_is_upright_and_takes_its_options(opened, tmp_path):
    folder = tmp_path / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    for part, count in (("train", 12), ("test", 6)):
        stem = f"emnist-letters-{part}"
        write_idx(folder / f"{stem}-images-idx3-ubyte", PIXELS[:count, 0, :28, :28])
        write_idx(folder / f"{stem}-labels-idx1-ubyte", np.ones(count, np.uint8))
    datamodule = opened("EMNIST", options={"split": "letters"})
    images, labels = datamodule.read(train=True)
    assert torch.equal(images[:, 0].mT, torch.from_numpy(PIXELS[:12, 0, :28, :28]))
    assert datamodule.class_names[labels[0]] == "a"
    with pytest.raises(ValueError, match=r"data.options do not fit EMNIST: .*size"):
        opened("EMNIST", options={"split": "letters", "size": 3})


@pytest.mark.parametrize(
    ("dataset", "options", "file"),
    [
        ("CIFAR10", {}, "cifar-10-python.tar.gz"),
        ("SVHN", {}, "test_32x32.mat"),
        ("USPS", {}, "usps.t.bz2"),
        ("KMNIST", {}, "KMNIST/raw/t10k-labels-idx1-ubyte.gz"),
        ("EMNIST", {"split": "letters"}, "EMNIST/raw/gzip.zip"),
    ],
)
def test_without_files_and_network_the_error_says_which_go_where(
    opened, tmp_path, dataset, options, file
):
    with pytest.raises(FileNotFoundError, match="no route to host") as error:
        opened(dataset, options=options)
    assert str(tmp_path / file) in str(error.value)


@pytest.mark.parametrize("dataset", ["CIFAR11", "vision", "ImageFolder", "FakeData"])
def test_what_is_no_divided_data_set_is_refused(opened, dataset):
    with pytest.raises(ValueError, match=f"data.dataset.*{dataset}"):
        opened(dataset)
