"""MNIST and the data sets in its format: their files, their splits, their classes."""

import gzip
from urllib.error import URLError

import pytest
import torch
from idx_files import write_numbered_images
from torchvision import datasets
from torchvision.datasets import mnist

from vae_lab.data.bundled import SHA256
from vae_lab.data.mnist_format import MNISTDataModule


def real_mnist(root, **changes):
    options = {
        "batch_size": 128,
        "global_batch_size": None,
        "val_size": 10_000,
        "binarization": "none",
        "seed": 0,
    }
    options |= {"dataset": "MNIST", "root": str(root), "image_shape": (1, 28, 28)}
    return MNISTDataModule(**options | changes)


@pytest.fixture
def no_network(monkeypatch):
    def download(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(mnist, "download_and_extract_archive", download)


def test_mnist_splits_into_50000_10000_and_10000_with_validation_last(mnist_root):
    datamodule = real_mnist(mnist_root)
    datamodule.prepare_data()
    datamodule.setup("fit")
    datamodule.setup("test")
    splits = datamodule.splits
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 50_000,
        "val": 10_000,
        "test": 10_000,
    }
    source, test = datasets.MNIST(mnist_root, train=True), datasets.MNIST(mnist_root, train=False)
    assert torch.equal(splits["train"].images[:, 0], source.data[:50_000])
    assert torch.equal(splits["val"].images[:, 0], source.data[50_000:])
    assert torch.equal(splits["val"].labels, source.targets[50_000:])
    assert torch.equal(splits["test"].images[:, 0], test.data)


def test_without_validation_mnist_trains_on_all_60000_images(mnist_root):
    datamodule = real_mnist(mnist_root, val_size=0)
    datamodule.setup("fit")
    assert len(datamodule.splits["train"]) == 60_000
    assert list(datamodule.val_dataloader()) == []
    assert sum(len(labels) for _, labels in datamodule.train_dataloader()) == 60_000


@pytest.mark.parametrize("val_size", [60_000, 60_001])
def test_a_val_size_that_leaves_nothing_to_train_on_is_refused_by_name(mnist_root, val_size):
    with pytest.raises(ValueError, match=f"data.val_size .* 60000.* got {val_size}"):
        real_mnist(mnist_root, val_size=val_size).setup("fit")


@pytest.mark.usefixtures("no_network")
def test_files_that_lie_there_are_used_without_a_network(small, numbers):
    datamodule = small()
    datamodule.prepare_data()
    datamodule.setup("fit")
    datamodule.setup("test")
    splits = datamodule.splits
    assert numbers(splits["train"].images) == list(range(17))
    assert numbers(splits["val"].images) == list(range(17, 23))
    assert numbers(splits["test"].images) == list(range(200, 209))


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("dataset", ["FashionMNIST", "KMNIST"])
def test_missing_files_and_no_network_say_which_files_go_where(small, tmp_path, dataset):
    datamodule = small(dataset=dataset, root=str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError, match="no route to host") as error:
        datamodule.prepare_data()
    for part in (str(tmp_path / "empty" / dataset / "raw"), *SHA256):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("dataset", "first", "last"),
    [("MNIST", "0", "9"), ("FashionMNIST", "T-shirt/top", "Ankle boot"), ("KMNIST", "o", "wo")],
)
def test_labels_have_the_names_of_the_data_set(small, dataset, first, last):
    datamodule = small(dataset=dataset)
    assert len(datamodule.class_names) == 10
    assert (datamodule.class_names[0], datamodule.class_names[-1]) == (first, last)
    assert datamodule.name == dataset
    assert datamodule.is_mnist == (dataset == "MNIST")


def test_another_data_set_is_answered_with_the_choices(small):
    with pytest.raises(ValueError, match=r"dataset .* MNIST, FashionMNIST, KMNIST, got"):
        small(dataset="CIFAR10")


def test_gzipped_files_are_unpacked_and_a_damaged_one_is_named(tmp_path, no_network):
    write_numbered_images(tmp_path, train=4, test=2)
    folder = tmp_path / "FashionMNIST" / "raw"
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    datamodule = real_mnist(tmp_path, dataset="FashionMNIST", val_size=1)
    datamodule.prepare_data()
    assert datamodule.read(train=True)[0][:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    (folder / "t10k-labels-idx1-ubyte").unlink()
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte.gz is corrupt"):
        datamodule.prepare_data()


def test_a_tilde_in_the_folder_of_data_is_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert real_mnist("~/d").root == tmp_path / "d"
