"""The data module: which images are which split, how batches look, what is refused."""

from urllib.error import URLError

import pytest
import torch
from torchvision import datasets
from torchvision.datasets import mnist

from vae_lab.data import MNISTDataModule
from vae_lab.data.bundled import SHA256


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


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("batch_size", 0),
        ("batch_size", -1),
        ("global_batch_size", 0),
        ("val_size", -1),
        ("binarization", "stochastic"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(small, option, value):
    with pytest.raises(ValueError, match=f"data.{option} .*{value}"):
        small(**{option: value})


def test_a_global_batch_is_shared_equally_or_refused(small):
    assert small(batch_size=4).images_per_process(3) == 4
    assert small(global_batch_size=12).images_per_process(3) == 4
    with pytest.raises(ValueError, match=r"data\.global_batch_size=10 .* 3 processes"):
        small(global_batch_size=10).images_per_process(3)


def test_an_unknown_binarization_is_answered_with_the_choices(small):
    with pytest.raises(ValueError, match="dynamic, static, threshold, none"):
        small(binarization="stochastic")


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


def test_labels_stay_with_their_images_after_shuffling(small, numbers):
    datamodule = small()
    datamodule.setup("fit")
    batches = list(datamodule.train_dataloader())
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert torch.equal(images[:, 0, 5, 5], 20 * labels)
    assert sorted(numbers(images)) == list(range(17))
    assert numbers(images) != list(range(17))


def test_validation_and_test_images_come_in_the_order_of_the_file(small, numbers):
    datamodule = small()
    datamodule.setup("fit")
    datamodule.setup("test")
    val = [numbers(images) for images, _ in datamodule.val_dataloader()]
    test = [numbers(images) for images, _ in datamodule.test_dataloader()]
    assert val == [[17, 18, 19, 20], [21, 22]]
    assert test == [[200, 201, 202, 203], [204, 205, 206, 207], [208]]


@pytest.mark.parametrize("val_size", [0, 6])
@pytest.mark.parametrize("binarization", ["dynamic", "static", "threshold", "none"])
def test_examples_are_the_same_at_every_call(small, val_size, binarization):
    datamodule = small(val_size=val_size, binarization=binarization)
    datamodule.setup("fit")
    images, labels = datamodule.examples(5)
    torch.manual_seed(1)
    datamodule.setup("test")
    again, labels_again = datamodule.examples(5)
    assert torch.equal(images, again)
    assert torch.equal(labels, labels_again)
    assert images.shape == (5, 1, 28, 28)
    assert images.dtype == torch.float32
    binary = set(images.unique().tolist()) == {0.0, 1.0}
    assert binary == (binarization != "none")


@pytest.mark.parametrize(("val_size", "expected"), [(6, [17, 18, 19]), (0, [0, 1, 2])])
def test_examples_are_validation_images_or_else_training_images(small, numbers, val_size, expected):
    datamodule = small(val_size=val_size)
    datamodule.setup("fit")
    datamodule.setup("test")
    assert numbers(datamodule.examples(3)[0]) == expected


def test_the_fingerprint_tells_one_set_of_training_images_from_another(small):
    def fingerprint(**changes):
        datamodule = small(**changes)
        datamodule.setup("fit")
        return datamodule.fingerprint()

    assert fingerprint() == fingerprint(seed=1)
    assert fingerprint() != fingerprint(val_size=7)
