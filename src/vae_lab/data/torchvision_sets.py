"""The data sets of torchvision that have a part to train on and one to test on."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import datasets

from vae_lab.checks import Shape, checked
from vae_lab.data.batches import Batch
from vae_lab.data.contract import ImageDataModule
from vae_lab.data.pixels import as_bytes, channels_first

# The argument that chooses the part, with its values for training and testing.
PARTS = {"train": (True, False), "split": ("train", "test"), "background": (True, False)}


@checked
class TorchvisionDataModule(ImageDataModule):
    """A class of ``torchvision.datasets`` whose images have one size.

    Args:
        dataset: name of the class.
        root: the folder in which torchvision looks for the files, or puts them.
        image_shape: (C, H, W); None to find it, for which the data are read at once.
        options: further arguments of the class, such as ``split`` of EMNIST.
        others: the other arguments of ``ImageDataModule``.

    Raises:
        FileNotFoundError: if ``image_shape`` has to be found, and the files are missing and cannot
            be downloaded.
        ValueError: if there is no such class, or it has no two parts.
    """

    def __init__(
        self,
        dataset: str,
        root: str,
        image_shape: Shape | None,
        options: Mapping[str, Any] | None = None,
        **others: Any,  # noqa: ANN401
    ) -> None:
        self.dataset = dataset
        self.options = dict(options or {})
        self.root = Path(root).expanduser()
        self.source = _source(dataset)
        self.part = _part(self.source, self.options)
        if image_shape is None:
            self.prepare_data()
            image_shape = self.read(train=False)[0].shape[1:]
        super().__init__(image_shape=image_shape, **others)
        self.name = dataset

    def prepare_data(self) -> None:
        """Download the files that are missing.

        Raises:
            FileNotFoundError: if they cannot be downloaded.
            ValueError: if ``options`` do not fit.
        """
        try:
            for train in (True, False):
                self._open(train, download=True)
        except TypeError as error:
            raise ValueError(f"data.options do not fit {self.dataset}: {error}") from error
        except (OSError, RuntimeError) as error:
            files = ", ".join(map(str, _files(self.source, self.root))) or "its files"
            raise FileNotFoundError(
                f"{self.dataset} is neither in data.root={self.root} nor can it be downloaded "
                f"({error}). Put there: {files}"
            ) from error

    def read(self, train: bool) -> Batch:
        """Return all images of a part and their labels, which name ``class_names`` too."""
        data = self._open(train, download=False)
        if hasattr(data, "data"):
            images, labels = data.data, getattr(data, "targets", getattr(data, "labels", None))
        else:
            pairs = [(np.asarray(image), label) for image, label in data]
            images, labels = (list(each) for each in zip(*pairs, strict=True))
        pixels = as_bytes(np.asarray(images), self.dataset)
        pixels = channels_first(pixels, self.dataset, None, None)
        if self.dataset == "EMNIST":  # its files hold columns where others hold rows
            pixels = pixels.swapaxes(2, 3)
        numbers = torch.as_tensor(np.asarray(labels), dtype=torch.int64)
        names = getattr(data, "classes", None) or range(int(numbers.max()) + 1)
        self.class_names = [str(name) for name in names]
        return torch.from_numpy(pixels), numbers

    def _open(self, train: bool, download: bool) -> Any:  # noqa: ANN401
        value = PARTS[self.part][0 if train else 1]
        arguments = {self.part: value, "download": download, **self.options}
        return self.source(self.root, **arguments)


def _source(name: str) -> type[datasets.VisionDataset]:
    found = getattr(datasets, name, None)
    if not (inspect.isclass(found) and issubclass(found, datasets.VisionDataset)):
        raise ValueError(
            f"data.dataset must be a class of torchvision.datasets, such as CIFAR10, SVHN or "
            f"EMNIST, got {name}"
        )
    return found


def _part(source: type[datasets.VisionDataset], options: Mapping[str, Any]) -> str:
    """Return the name of the argument that chooses between training and testing."""
    takes = {
        name
        for cls in source.__mro__
        if "__init__" in vars(cls)
        for name in inspect.signature(cls.__init__).parameters
    }
    free = [name for name in PARTS if name in takes and name not in options]
    if "download" not in takes or not free:
        raise ValueError(
            f"data.dataset={source.__name__} is not divided into a part to train on and one to "
            "test on; see data=images"
        )
    return free[0]


def _files(source: Any, root: Path) -> list[Path]:  # noqa: ANN401
    """Return which files torchvision would download, as far as the class says."""
    raw = root / source.__name__ / "raw"
    if source is datasets.EMNIST:
        return [raw / source.url.rpartition("/")[2]]
    if hasattr(source, "resources"):
        return [raw / name.rpartition("/")[2] for name, _ in source.resources]
    if hasattr(source, "split_list"):
        return [root / source.split_list[split][1] for split in ("train", "test")]
    return [root / source.filename] if hasattr(source, "filename") else []
