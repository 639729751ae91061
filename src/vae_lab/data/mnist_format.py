"""MNIST and the data sets in its format."""

from pathlib import Path
from typing import Any

from torchvision import datasets

from vae_lab.data.batches import Batch
from vae_lab.data.bundled import unpack_mnist
from vae_lab.data.contract import ImageDataModule

DATASETS = ("MNIST", "FashionMNIST", "KMNIST")


class MNISTDataModule(ImageDataModule):
    """A data set in the MNIST format: 28 × 28 grey pixels, ten classes.

    Args:
        dataset: ``MNIST``, ``FashionMNIST`` or ``KMNIST``, a class of ``torchvision.datasets``.
        root: the folder that holds ``<dataset>/raw``.
        options: the arguments of ``ImageDataModule``.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(self, dataset: str, root: str, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        if dataset not in DATASETS:
            raise ValueError(f"data.dataset must be one of {', '.join(DATASETS)}, got {dataset}")
        self.name = self.dataset = dataset
        self.is_mnist = dataset == "MNIST"
        self.source = getattr(datasets, dataset)
        self.class_names = [name.partition(" - ")[0] for name in self.source.classes]  # "0 - zero"
        self.root = Path(root)

    def prepare_data(self) -> None:
        """Unpack or download the files that are missing.

        Raises:
            ValueError: if a bundled file is corrupt.
            FileNotFoundError: if files are missing and cannot be downloaded.
        """
        if self.is_mnist:
            unpack_mnist(self.root)
            return
        try:
            self.source(self.root, download=True)
        except (OSError, RuntimeError) as error:
            folder = self.root / self.dataset / "raw"
            raise FileNotFoundError(
                f"{self.dataset} is neither in {folder} nor can it be downloaded ({error}). Put "
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                f"t10k-labels-idx1-ubyte into {folder}"
            ) from error

    def read(self, train: bool) -> Batch:
        """Return what the training or the test file holds."""
        source = self.source(self.root, train=train)
        return source.data.unsqueeze(1), source.targets
