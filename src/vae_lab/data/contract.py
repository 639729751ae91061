"""What a source of images is to everything outside this room.

A source is a subclass of ``ImageDataModule`` that reads bytes::

    class Shapes(ImageDataModule):
        class_names = ("square", "circle")

        def read(self, train: bool) -> Batch:
            file = np.load("train.npz" if train else "test.npz")
            return torch.from_numpy(file["images"]), torch.from_numpy(file["labels"])

and a file in a folder ``data`` of the configuration that names it and its arguments.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import Tensor

from vae_lab.checks import Seed, Size, Whole, checked
from vae_lab.data.batches import Batch, EpochOrder, GlobalBatches, ImageTensors, ResumableLoader
from vae_lab.data.binarization import Binarization, binarize_once, sample, to_float
from vae_lab.data.dequantization import DequantizedTensors, dequantize, dequantize_once
from vae_lab.data.few_labels import without_most
from vae_lab.data.mapped import MappedImages
from vae_lab.data.placement import fits_on, loader_on
from vae_lab.decoding import Fit
from vae_lab.model.likelihoods import Pixels

Split = Literal["train", "val", "test"]

# Seeds of what is sampled once: fixed, so that every run is scored on the same images.
ONE_TIME_SEEDS: dict[Split, int] = {"train": 1, "val": 2, "test": 3}
CHANNELS = (1, 3)  # grey, and red, green, blue
PIXELS_ON_GPU = 2**21  # of a batch of validation or testing
AT_ONCE = 1000  # images, where all of them may not fit into memory


@checked
class ImageDataModule(pl.LightningDataModule):
    """Images of one shape in three splits, binarised on the device.

    A source implements ``read`` and ``class_names``; ``prepare_data`` too if it fetches files. All
    else is here. Validation is the *last* ``val_size`` of the training images; the test images are
    read for testing alone. Batches are (images, labels): float32 (B, C, H, W) in [0, 1], integers
    (B,).

    Args:
        image_shape: (C, H, W), with one channel or three, which the images must have.
        batch_size: images per batch and process.
        global_batch_size: images per batch of all processes together, shared equally among them;
            None to have ``batch_size`` each.
        val_size: training images kept for validation; 0 trains on all.
        binarization: ``dynamic``, ``static``, ``threshold`` or ``none``.
        seed: of the order of the training images, and of which have labels.
        eval_batch_size: images per batch and process of validation and testing, whose metrics are
            means over images; None for as many as in training, on a GPU for as many as suit it.
        dequantize: whether levels that are not binarised get noise between them, for likelihoods
            that are densities: in training anew at every use, else once.
        num_labels: how many training images have a label, as many of each class as may be; None
            for all.

    Attributes:
        name: of the data set, as results state it; that of the class unless a source has another.
        class_names: what the labels 0, 1, … are called in pictures.
        factor_names: what the factors of variation are called, where they are known; most sources
            have none.
        is_mnist: whether these are MNIST's digits; the features of the classifier that ships
            compare samples with these alone.
        fit: how a picture of another shape becomes an image of this one.
        are_two: whether all pixels are known to be black or white, so that binarisation leaves them
            as they are.
        mapped: the file that images lie in, if it is too large to stay in memory.
        splits: the images and labels that ``setup`` has read; images are bytes (N, C, H, W).

    Raises:
        ValueError: if an argument is out of its range.
    """

    class_names: Sequence[str]
    factor_names: Sequence[str] = ()
    is_mnist = False
    fit: Fit = "crop"
    are_two = False
    mapped: MappedImages | None = None

    def __init__(
        self,
        image_shape: Sequence[int],
        batch_size: Size,
        global_batch_size: Size | None,
        val_size: Whole,
        binarization: Binarization,
        seed: Seed,
        eval_batch_size: Size | None = None,
        dequantize: bool = False,
        num_labels: Size | None = None,
    ) -> None:
        super().__init__()
        if len(image_shape) != 3 or image_shape[0] not in CHANNELS:  # noqa: PLR2004
            shape = list(image_shape)
            raise ValueError(f"data.image_shape must be [1, H, W] or [3, H, W], got {shape}")
        self.name = type(self).__name__
        self.image_shape = tuple(image_shape)
        self.batch_size = batch_size
        self.global_batch_size = global_batch_size
        self.val_size = val_size
        self.binarization = Binarization(binarization)
        self.seed = seed
        self.eval_batch_size = eval_batch_size
        self.dequantize = dequantize
        self.num_labels = num_labels
        self.splits: dict[Split, ImageTensors] = {}

    def read(self, train: bool) -> Batch:
        """Return all images of the training or the test set, and their labels.

        Returns:
            Bytes (N, C, H, W), and integers (N,), which count ``class_names`` from 0.
        """
        raise NotImplementedError

    def read_factors(self, train: bool) -> Tensor:
        """Return the factors of variation of the images that ``read`` returns.

        Returns:
            Integers (N, F), which count the values of each of ``factor_names`` from 0.
        """
        return torch.zeros(len(self.read(train)[0]), 0, dtype=torch.int64)

    @property
    def pixels(self) -> Pixels:
        """Whether batches hold black and white, 256 levels (of each colour), or what is between."""
        if self.binarization is not Binarization.NONE:
            return "binary"
        return "continuous" if self.dequantize else "grey"

    @property
    def validates(self) -> bool:
        """Whether there are validation images."""
        return self.val_size > 0

    @property
    def example_split(self) -> Split:
        """The split of the images that pictures show."""
        return "val" if self.validates else "train"

    def setup(self, stage: str) -> None:
        """Read the images of ``stage`` and binarise what is binarised once.

        Raises:
            ValueError: if ``val_size`` leaves nothing to train on, or ``read`` returns anything
                else than it should.
        """
        if stage in ("fit", "validate") and "train" not in self.splits:
            images, labels = self._checked(train=True)
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
            self.splits["val"] = self._scored(images[count:], labels[count:], "val")
        if stage == "test" and "test" not in self.splits:
            self.splits["test"] = self._scored(*self._checked(train=False), "test")

    def train_dataloader(self) -> ResumableLoader:
        """Return shuffled batches of the training images; the same few to overfit."""
        overfits = self.trainer is not None and self.trainer.overfit_batches > 0  # pyright: ignore[reportAttributeAccessIssue]
        return self._loader("train", shuffle=not overfits)

    def known_labels(self) -> Tensor:
        """Return the labels of the training images (N,), −1 for those that have none."""
        labels = self.splits["train"].labels
        if self.num_labels is None:
            return labels
        if self.num_labels > len(labels):
            raise ValueError(
                f"data.num_labels must be at most {len(labels)}, the number of training images, "
                f"got {self.num_labels}"
            )
        return without_most(labels, self.num_labels, self.seed)

    def val_dataloader(self) -> ResumableLoader | list[Any]:
        """Return batches of the validation images, in order; none if there are none."""
        return self._loader("val", shuffle=False) if self.validates else []

    def test_dataloader(self) -> ResumableLoader:
        """Return batches of the test images, in order."""
        return self._loader("test", shuffle=False)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Map bytes to [0, 1], on the device; sample training images if that is done anew."""
        images, labels = batch
        if images.is_floating_point():  # with noise that was sampled once
            return batch
        if self._is_training() or self.pixels == "continuous":
            return self.training_images(images), labels
        return to_float(images), labels

    def training_images(self, images: Tensor) -> Tensor:
        """Map bytes to [0, 1]; sample what is sampled anew at every use."""
        if self.pixels == "continuous":
            return dequantize(images)
        return sample(images) if self.binarization is Binarization.DYNAMIC else to_float(images)

    def examples(self, count: int) -> Batch:
        """Return ``count`` images and labels that are the same at every call, for pictures.

        The first validation images; without any the first training images. Never test images.
        """
        split = self.example_split
        return self.images(split, count), self.splits[split].labels[:count]

    def images(self, split: Split, count: int) -> Tensor:
        """Return the first ``count`` images of a split, sampled once, float32 (N, C, H, W)."""
        images = self.splits[split].images[:count]
        if self.pixels == "continuous":
            return self._dequantize(images, split)
        return to_float(self._binarize(images, split) if split == "train" else images)

    def in_parts(self, split: Split) -> Iterator[Tensor]:
        """Yield all images of a split as ``images`` does, at most 1000 at once."""
        images = self.splits[split].images
        if self.pixels == "continuous":
            for number, part in enumerate(self._parts(images)):
                yield self._dequantize(part, split, first=number * AT_ONCE)
            return
        yield from map(
            to_float, self._parts(self._binarize(images, split) if split == "train" else images)
        )

    def originals(self, split: Split) -> Tensor:
        """Return the images of a split without anything random, float32 (N, C, H, W)."""
        images, _ = self._checked(train=split != "test")
        return to_float(self._part(images, split))

    def factors(self, split: Split) -> Tensor:
        """Return the factors of variation of a split, (N, F); F is 0 where none are known."""
        return self._part(self.read_factors(train=split != "test"), split)

    def _parts(self, images: Tensor) -> Iterator[Tensor]:
        for part in images.split(AT_ONCE):
            yield part
            if self.mapped is not None:
                self.mapped.give_back()

    def _part(self, values: Tensor, split: Split) -> Tensor:
        """Return what belongs to a split of what was read, for training or else for testing."""
        start = len(values) - self.val_size
        part = {"train": slice(start), "val": slice(start, None), "test": slice(None)}[split]
        return values[part]

    def fingerprint(self) -> str:
        """Return a short hash of the training images, for the run's summary."""
        digest = hashlib.sha256()
        for images in self._parts(self.splits["train"].images):
            digest.update(images.numpy().tobytes())
        return digest.hexdigest()[:16]

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

    def images_scored(self, processes: int) -> int:
        """Return how many images of a batch of validation or testing each process takes."""
        if self.eval_batch_size is not None:
            return self.eval_batch_size
        trained = self.images_per_process(processes)
        suited = PIXELS_ON_GPU // math.prod(self.image_shape)
        return max(trained, suited) if self._device.type == "cuda" else trained

    @property
    def _device(self) -> torch.device:
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device

    def _is_training(self) -> bool:
        return self.trainer is None or self.trainer.training

    def _checked(self, train: bool) -> Batch:
        """Return what ``read`` returns, provided that it is what everything else relies on."""
        images, labels = self.read(train)
        shape, count = tuple(images.shape[1:]), len(self.class_names)
        if shape != self.image_shape:
            raise ValueError(f"data.image_shape is {self.image_shape}, but the images are {shape}")
        if images.dtype != torch.uint8:
            raise ValueError(f"{self.name}: images must be bytes, torch.uint8, got {images.dtype}")
        if labels.shape != (len(images),) or labels.is_floating_point():
            raise ValueError(
                f"{self.name}: {len(images)} images need as many whole numbers as labels, got "
                f"{tuple(labels.shape)} of {labels.dtype}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < count:
            raise ValueError(
                f"{self.name}: labels must count the {count} class_names from 0, got "
                f"{labels.min()} to {labels.max()}"
            )
        return images, labels

    def _scored(self, images: Tensor, labels: Tensor, split: Split) -> ImageTensors:
        """Return images for scoring, with all that is random about them sampled once."""
        if self.pixels == "continuous":
            return DequantizedTensors(images, labels, ONE_TIME_SEEDS[split])
        return ImageTensors(self._binarize(images, split), labels)

    def _dequantize(self, images: Tensor, split: Split, first: int = 0) -> Tensor:
        return dequantize_once(images, first + torch.arange(len(images)), ONE_TIME_SEEDS[split])

    def _binarize(self, images: Tensor, split: Split) -> Tensor:
        if self.are_two:
            return images
        return binarize_once(images, self.binarization, ONE_TIME_SEEDS[split])

    def _loader(self, split: Split, shuffle: bool) -> ResumableLoader:
        data = self.splits[split]
        if split == "train" and self.num_labels is not None:
            data = ImageTensors(data.images, self.known_labels())
        trainer = self.trainer
        rank, world_size = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        is_labelled = data.labels >= 0
        is_apart = None if is_labelled.all() else is_labelled
        order = EpochOrder(len(data), shuffle, self.seed, is_apart)
        size = (self.images_per_process if split == "train" else self.images_scored)(world_size)
        device, is_resident = self._device, fits_on(self._device, data)
        mapped = None if is_resident else self.mapped
        announce = partial(mapped.announce, data.images) if mapped else None
        batches = GlobalBatches(order, size, rank, world_size, announce)
        return loader_on(device, data, batches, is_resident)
