"""Which images make up which batch, on which process, and from where an epoch goes on."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vae_lab.data.few_labels import spread
from vae_lab.seeding import derived_seed

Batch = tuple[Tensor, Tensor]
LEAST = 2  # images of a last batch, on each process
AHEAD = 8  # batches between the one that is delivered and the one that is announced


class ImageTensors(Dataset[Batch]):
    """Images and labels held in memory as bytes; a batch is one indexing operation.

    Args:
        images: bytes, (N, C, H, W).
        labels: integers, (N,).

    Attributes:
        stays_on_host: whether batches have to be made there.
    """

    stays_on_host = False

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Batch:
        return self.images[index], self.labels[index]

    def __getitems__(self, indices: Tensor) -> Batch:
        """Return the images (B, C, H, W) and labels (B,) at ``indices`` (B,)."""
        return self.images[indices], self.labels[indices]

    def on(self, device: torch.device) -> "ImageTensors":
        """Return a copy on ``device``."""
        return ImageTensors(self.images.to(device), self.labels.to(device))


class EpochOrder:
    """The order of one epoch: a permutation that depends on ``seed`` and the epoch alone.

    Args:
        length: number of images.
        shuffle: whether to permute them.
        seed: of the permutations.
        is_apart: which images are spread evenly over the epoch, (N,); None for none.
    """

    def __init__(
        self, length: int, shuffle: bool, seed: int, is_apart: Tensor | None = None
    ) -> None:
        self.length = length
        self.shuffle = shuffle
        self.seed = seed
        self.is_apart = is_apart
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation; Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def indices(self) -> Tensor:
        """Return the order of this epoch, (N,)."""
        if not self.shuffle:
            return torch.arange(self.length)
        generator = torch.Generator().manual_seed(derived_seed(self.seed, self.epoch))
        order = torch.randperm(self.length, generator=generator)
        return order if self.is_apart is None else spread(order, self.is_apart)


class GlobalBatches:
    """Cuts an order into global batches, and each global batch among the processes.

    Every image belongs to exactly one batch of one process, and all processes have the same number
    of batches. The global batches do not depend on the number of processes, so that n processes
    with batch size b see what one process with batch size n·b sees; but for a last batch with fewer
    than two images a process, which joins the one before: what compares the images of a batch needs
    two.

    Args:
        sampler: the order (the name under which Lightning looks for ``set_epoch``).
        batch_size: images per batch and process.
        rank: this process.
        world_size: number of processes.
        announce: told the indices of each batch some batches before it is delivered; or None.

    Attributes:
        delivered: batches of the epoch so far.
        device: where the indices lie; the host at first.

    Raises:
        ValueError: if there are fewer images than processes.
    """

    def __init__(
        self,
        sampler: EpochOrder,
        batch_size: int,
        rank: int,
        world_size: int,
        announce: Callable[[Tensor], None] | None = None,
    ) -> None:
        if sampler.length < world_size:
            raise ValueError(f"{sampler.length} images cannot be shared by {world_size} processes")
        self.sampler = sampler
        self.rank = rank
        self.world_size = world_size
        self.stride = batch_size * world_size
        self._announce = announce
        self._start = (0, 0)
        self.delivered = 0
        self.device = torch.device("cpu")

    def go_on(self, epoch: int, batch: int) -> None:
        """Begin with this batch the next time, if that is in this epoch."""
        self._start = (epoch, batch)
        self.delivered = batch

    def __len__(self) -> int:
        whole, rest = divmod(self.sampler.length, self.stride)
        return max(1, whole + (rest >= LEAST * self.world_size))

    def __iter__(self) -> Iterator[Tensor]:
        order = self.sampler.indices().to(self.device)
        (epoch, start), self._start = self._start, (0, 0)
        first = start if epoch == self.sampler.epoch else 0
        self.delivered = first
        announced = first
        for batch in range(first, len(self)):
            if self._announce is not None:
                until = min(batch + AHEAD, len(self))
                for later in range(announced, until):
                    self._announce(self._cut(order, later))
                announced = until
            self.delivered = batch + 1
            yield self._cut(order, batch)

    def _cut(self, order: Tensor, batch: int) -> Tensor:
        end = (batch + 1) * self.stride if batch + 1 < len(self) else len(order)
        return order[batch * self.stride + self.rank : end : self.world_size]


class ResumableLoader:
    """Delivers batches, and remembers how many of the epoch it has delivered.

    Lightning stores ``state_dict`` in every checkpoint, so that a run interrupted in the middle of
    an epoch goes on with the next batch. With the data in memory this does all that a
    ``DataLoader`` would, with less between two batches.

    Args:
        dataset: the images.
        batches: the indices of each batch.

    Attributes:
        delivers_raw: whether the next batch is to be what ``bytes_of`` takes, and no more.
        raw: that of the batch that was delivered last; here its indices, (B,).
        knows_labels: whether ``labels_of`` finds those of a raw batch.
    """

    knows_labels = True

    def __init__(self, dataset: ImageTensors, batches: GlobalBatches) -> None:
        self.dataset = dataset
        self.batch_sampler = batches  # the name under which Lightning looks for ``set_epoch``
        self.delivers_raw = False
        self.raw: Tensor

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Batch | Tensor]:
        for indices in self.batch_sampler:
            self.raw = indices
            yield indices if self.delivers_raw else self.dataset.__getitems__(indices)

    def is_for(self, device: torch.device) -> bool:
        """Tell whether the bytes of raw batches lie on ``device``."""
        return self.dataset.images.device == device

    def bytes_of(self, raw: Tensor) -> Tensor:
        """Return the images of a batch that was delivered raw, bytes (B, C, H, W)."""
        return self.dataset.images[raw]

    def labels_of(self, raw: Tensor) -> Tensor:
        """Return the labels of a batch that was delivered raw, (B,)."""
        return self.dataset.labels[raw]

    def state_dict(self) -> dict[str, Any]:
        """Return how many batches of which epoch have been delivered."""
        batches = self.batch_sampler
        return {"epoch": batches.sampler.epoch, "delivered": batches.delivered}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the batches that ``state`` says have been delivered."""
        self.batch_sampler.go_on(state["epoch"], state["delivered"] % len(self))
