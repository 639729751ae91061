"""MNIST and the data sets in its format."""

import gzip
import zlib
from pathlib import Path
from typing import Any, Literal

from torchvision import datasets

from vae_lab.checks import checked
from vae_lab.data.batches import Batch
from vae_lab.data.bundled import SHA256, unpack_mnist
from vae_lab.data.contract import ImageDataModule
from vae_lab.files import write_atomically

Name = Literal["MNIST", "FashionMNIST", "KMNIST"]


@checked
class MNISTDataModule(ImageDataModule):
    """A data set in the MNIST format: 28 × 28 grey pixels, ten classes.

    Args:
        dataset: ``MNIST``, ``FashionMNIST`` or ``KMNIST``, a class of ``torchvision.datasets``.
        root: the folder that holds ``<dataset>/raw``.
        options: the arguments of ``ImageDataModule``.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(self, dataset: Name, root: str, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.name = self.dataset = dataset
        self.is_mnist = dataset == "MNIST"
        self.source = getattr(datasets, dataset)
        self.class_names = [name.partition(" - ")[0] for name in self.source.classes]  # "0 - zero"
        self.root = Path(root).expanduser()

    def prepare_data(self) -> None:
        """Unpack or download the files that are missing; gzipped ones may lie in their place.

        Raises:
            ValueError: if a bundled or a gzipped file is corrupt.
            FileNotFoundError: if files are missing and cannot be downloaded.
        """
        folder = self.root / self.dataset / "raw"
        _unpack_gzipped(folder)
        if self.is_mnist:
            unpack_mnist(self.root)
            return
        try:
            self.source(self.root, download=True)
        except (OSError, RuntimeError) as error:
            raise FileNotFoundError(
                f"{self.dataset} is neither in {folder} nor can it be downloaded ({error}). Put "
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                f"t10k-labels-idx1-ubyte into {folder}, gzipped or not"
            ) from error

    def read(self, train: bool) -> Batch:
        """Return what the training or the test file holds."""
        source = self.source(self.root, train=train)
        return source.data.unsqueeze(1), source.targets


def _unpack_gzipped(folder: Path) -> None:
    """Unpack the four files in ``folder`` that lie there gzipped alone.

    Raises:
        ValueError: if one is corrupt.
    """
    for name in SHA256:
        packed = folder / f"{name}.gz"
        if packed.exists() and not (folder / name).exists():
            try:
                content = gzip.decompress(packed.read_bytes())
            except (EOFError, OSError, zlib.error) as error:
                raise ValueError(f"{packed} is corrupt: {error}; delete it") from error
            write_atomically(folder / name, content)
