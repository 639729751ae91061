"""A small data set in the MNIST format, for the tests of vae_lab.data."""

import pytest
import torch
from idx_files import write_numbered_images
from torchvision.datasets import mnist

from vae_lab.data.mnist_format import MNISTDataModule

SMALL_TRAIN, SMALL_TEST = 23, 9


@pytest.fixture
def small_root(tmp_path):
    """A root with a FashionMNIST of 23 training and 9 test images, which tell their numbers."""
    write_numbered_images(tmp_path, SMALL_TRAIN, SMALL_TEST)
    return tmp_path


@pytest.fixture
def small(small_root):
    """Builds a data module on the small set, six of its images kept for validation."""

    def build(**changes):
        options = {
            "dataset": "FashionMNIST",
            "root": str(small_root),
            "image_shape": (1, 28, 28),
            "batch_size": 4,
            "global_batch_size": None,
            "val_size": 6,
            "binarization": "none",
            "seed": 0,
        }
        return MNISTDataModule(**options | changes)

    return build


@pytest.fixture
def files_read(monkeypatch):
    """The names of the IDX files that torchvision reads from here on."""
    names = []
    read = mnist.read_sn3_pascalvincent_tensor

    def recording(path, *args, **kwargs):
        names.append(str(path).rpartition("/")[2])
        return read(path, *args, **kwargs)

    monkeypatch.setattr(mnist, "read_sn3_pascalvincent_tensor", recording)
    return names


@pytest.fixture
def numbers():
    """Reads the images' numbers off their first pixels, for images in [0, 1] or bytes."""

    def read(images):
        first = images[:, 0, 0, 0]
        return (first if first.dtype == torch.uint8 else (first * 255).round().int()).tolist()

    return read
