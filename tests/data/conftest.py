"""Data for the tests of vae_lab.data: the real MNIST, and a small set in the same format."""

import struct

import numpy as np
import pytest
import torch
from torchvision.datasets import mnist

from vae_lab.data import MNISTDataModule
from vae_lab.data.bundled import unpack_mnist

SMALL_TRAIN, SMALL_TEST = 23, 9


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory):
    """A root with the real MNIST, unpacked once; no test may change it."""
    root = tmp_path_factory.mktemp("mnist")
    unpack_mnist(root)
    return root


@pytest.fixture
def small_root(tmp_path):
    """A root with a FashionMNIST of 23 training and 9 test images.

    Every image tells what it is: its first pixel is its number (test images count from 200), the
    others are 20 times its label.
    """
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, count, first in (("train", SMALL_TRAIN, 0), ("t10k", SMALL_TEST, 200)):
        labels = (np.arange(count) * 7 % 10).astype(np.uint8)
        images = np.broadcast_to(20 * labels[:, None, None], (count, 28, 28)).astype(np.uint8)
        images[:, 0, 0] = first + np.arange(count)
        _write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        _write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
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


def _write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())
