"""The LightningDataModule for MNIST and the data sets in its format."""

import hashlib
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from torch import Tensor
from torchvision import datasets

from vae_lab.data.batches import Batch, EpochOrder, GlobalBatches, ImageTensors, ResumableLoader
from vae_lab.data.binarization import Binarization, binarize_once, sample, to_float
from vae_lab.data.bundled import unpack_mnist
from vae_lab.model.likelihoods import Pixels

Split = Literal["train", "val", "test"]

# Seeds of the one-time samples: fixed, so that every run is scored on the same binary images.
BINARIZATION_SEEDS: dict[Split, int] = {"train": 1, "val": 2, "test": 3}


class MNISTDataModule(pl.LightningDataModule):
    """Canonical splits of a data set in the MNIST format, binarised on the device.

    Validation is the *last* ``val_size`` images of the training file; the test file is read for
    testing alone. Batches are (images, labels): float32 (B, 1, 28, 28) in [0, 1], integers (B,).

    Args:
        dataset: ``MNIST``, ``FashionMNIST`` or ``KMNIST``, a class of ``torchvision.datasets``.
        root: the folder that holds ``<dataset>/raw``.
        image_shape: (C, H, W), which the files must have.
        batch_size: images per batch and process.
        global_batch_size: images per batch of all processes together, shared equally among them;
            None to have ``batch_size`` each.
        val_size: images of the training file kept for validation; 0 trains on all.
        binarization: ``dynamic``, ``static``, ``threshold`` or ``none``.
        seed: of the order of the training images.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        dataset: str,
        root: str,
        image_shape: tuple[int, int, int],
        batch_size: int,
        global_batch_size: int | None,
        val_size: int,
        binarization: str,
        seed: int,
    ) -> None:
        super().__init__()
        for name, size in (("batch_size", batch_size), ("global_batch_size", global_batch_size)):
            if size is not None and size < 1:
                raise ValueError(f"data.{name} must be at least 1, got {size}")
        if val_size < 0:
            raise ValueError(f"data.val_size must be at least 0, got {val_size}")
        if binarization not in list(Binarization):
            choices = ", ".join(Binarization)
            raise ValueError(f"data.binarization must be one of {choices}, got {binarization}")
        self.dataset = dataset
        self.root = Path(root)
        self.image_shape = tuple(image_shape)
        self.batch_size = batch_size
        self.global_batch_size = global_batch_size
        self.val_size = val_size
        self.binarization = Binarization(binarization)
        self.seed = seed
        self.splits: dict[Split, ImageTensors] = {}

    @property
    def pixels(self) -> Pixels:
        """Whether batches hold black and white pixels alone, or grey ones."""
        return "grey" if self.binarization is Binarization.NONE else "binary"

    @property
    def example_split(self) -> Split:
        """The split of the images that pictures show."""
        return "val" if self.val_size else "train"

    def prepare_data(self) -> None:
        """Unpack or download the files that are missing.

        Raises:
            ValueError: if a bundled file is corrupt.
            FileNotFoundError: if files are missing and cannot be downloaded.
        """
        if self.dataset == "MNIST":
            unpack_mnist(self.root)
            return
        try:
            getattr(datasets, self.dataset)(self.root, download=True)
        except (OSError, RuntimeError) as error:
            folder = self.root / self.dataset / "raw"
            raise FileNotFoundError(
                f"{self.dataset} is neither in {folder} nor can it be downloaded ({error}). Put "
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                f"t10k-labels-idx1-ubyte into {folder}"
            ) from error

    def setup(self, stage: str) -> None:
        """Read the files of ``stage`` and binarise what is binarised once.

        Raises:
            ValueError: if ``val_size`` leaves nothing to train on, or the image shape differs.
        """
        if stage in ("fit", "validate") and "train" not in self.splits:
            images, labels = self._read(train=True)
            count = len(images) - self.val_size
            if count < 1:
                raise ValueError(
                    f"data.val_size must be less than {len(images)}, the number of training "
                    f"images, got {self.val_size}"
                )
            train = images[:count]
            if self.binarization is not Binarization.DYNAMIC:
                train = self._binarize(train, "train")
            self.splits["train"] = ImageTensors(train, labels[:count])
            val = self._binarize(images[count:], "val")
            self.splits["val"] = ImageTensors(val, labels[count:])
        if stage == "test" and "test" not in self.splits:
            images, labels = self._read(train=False)
            self.splits["test"] = ImageTensors(self._binarize(images, "test"), labels)

    def train_dataloader(self) -> ResumableLoader:
        """Return shuffled batches of the training images; the same few to overfit."""
        overfits = self.trainer is not None and self.trainer.overfit_batches > 0  # pyright: ignore[reportAttributeAccessIssue]
        return self._loader("train", shuffle=not overfits)

    def val_dataloader(self) -> ResumableLoader | list[Any]:
        """Return batches of the validation images, in order; none with ``val_size=0``."""
        return self._loader("val", shuffle=False) if self.val_size else []

    def test_dataloader(self) -> ResumableLoader:
        """Return batches of the test images, in order."""
        return self._loader("test", shuffle=False)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Map bytes to [0, 1], on the device; sample training images if that is done anew."""
        images, labels = batch
        is_due = self.binarization is Binarization.DYNAMIC and self._is_training()
        return sample(images) if is_due else to_float(images), labels

    def examples(self, count: int) -> Batch:
        """Return ``count`` images and labels that are the same at every call, for pictures.

        The first validation images; with ``val_size=0`` the first training images. Never test
        images.
        """
        split = self.example_split
        return self.images(split, count), self.splits[split].labels[:count]

    def images(self, split: Split, count: int) -> Tensor:
        """Return the first ``count`` images of a split, binarised once, float32 (N, C, H, W)."""
        images = self.splits[split].images[:count]
        return to_float(self._binarize(images, split) if split == "train" else images)

    def originals(self, split: Split) -> Tensor:
        """Return the images of a split before binarisation, float32 (N, C, H, W)."""
        images, _ = self._read(train=split != "test")
        start = len(images) - self.val_size
        part = {"train": slice(start), "val": slice(start, None), "test": slice(None)}[split]
        return to_float(images[part])

    def fingerprint(self) -> str:
        """Return a short hash of the training images, for the run's summary."""
        return hashlib.sha256(self.splits["train"].images.numpy().tobytes()).hexdigest()[:16]

    def images_per_process(self, processes: int) -> int:
        """Return how many images of a batch each of the processes takes.

        Raises:
            ValueError: if ``global_batch_size`` cannot be shared equally.
        """
        if self.global_batch_size is None:
            return self.batch_size
        share, rest = divmod(self.global_batch_size, processes)
        if rest:
            raise ValueError(
                f"data.global_batch_size={self.global_batch_size} cannot be shared equally by "
                f"{processes} processes"
            )
        return share

    def _is_training(self) -> bool:
        return self.trainer is None or self.trainer.training

    def _read(self, train: bool) -> tuple[Tensor, Tensor]:
        source = getattr(datasets, self.dataset)(self.root, train=train)
        shape = (1, *source.data.shape[1:])
        if shape != self.image_shape:
            raise ValueError(f"data.image_shape is {self.image_shape}, but the images are {shape}")
        return source.data.unsqueeze(1), source.targets

    def _binarize(self, images: Tensor, split: Split) -> Tensor:
        return binarize_once(images, self.binarization, BINARIZATION_SEEDS[split])

    def _loader(self, split: Split, shuffle: bool) -> ResumableLoader:
        data = self.splits[split]
        trainer = self.trainer
        rank, world_size = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        order = EpochOrder(len(data), shuffle, self.seed)
        batches = GlobalBatches(order, self.images_per_process(world_size), rank, world_size)
        return ResumableLoader(data, batches)
