"""Where the bytes of a split lie while a device works on them.

Batches are gathered on the device if all images take less than a quarter of its free memory.
Otherwise they come from the host, each copied while the one before is worked on.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vae_lab.data.batches import Batch, GlobalBatches, ImageTensors, ResumableLoader

SHARE = 4  # all images may take one part in so many of the free memory
Copy = Callable[[], Batch]  # waits for a batch that is on its way


class AheadLoader(ResumableLoader):
    """Delivers batches on the device, and has the next one copied meanwhile.

    Args:
        dataset: the images, on the host.
        batches: the indices of each batch.
        begin: starts to copy a batch.
    """

    knows_labels = False

    def __init__(
        self, dataset: ImageTensors, batches: GlobalBatches, begin: Callable[[Batch], Copy]
    ) -> None:
        super().__init__(dataset, batches)
        self._begin = begin

    def is_for(self, device: torch.device) -> bool:
        """Tell that the bytes of raw batches lie on the device."""
        return True

    def bytes_of(self, raw: Tensor) -> Tensor:
        """Return ``raw``, which is the bytes."""
        return raw

    def __iter__(self) -> Iterator[Batch | Tensor]:
        waiting: Copy | None = None
        for indices in self.batch_sampler:
            fetched = self.batch_sampler.delivered
            following = self._begin(self.dataset.__getitems__(indices))
            if waiting is not None:
                self.batch_sampler.delivered = fetched - 1
                yield self._deliver(waiting)
                self.batch_sampler.delivered = fetched
            waiting = following
        if waiting is not None:
            yield self._deliver(waiting)

    def _deliver(self, copy: Copy) -> Batch | Tensor:
        batch = copy()
        self.raw = batch[0]
        return self.raw if self.delivers_raw else batch


def fits_on(device: torch.device, data: ImageTensors, free: int | None = None) -> bool:
    """Tell whether all images may lie in the memory of ``device``.

    Args:
        device: a GPU; anything else has no memory of its own.
        data: the images.
        free: bytes that are free there; None to ask.
    """
    if device.type != "cuda" or data.stays_on_host:
        return False
    free = torch.cuda.mem_get_info(device)[0] if free is None else free
    return data.images.nbytes * SHARE < free


def loader_on(
    device: torch.device, data: ImageTensors, batches: GlobalBatches, is_resident: bool
) -> ResumableLoader:
    """Return what delivers batches for ``device``.

    Args:
        device: where they are worked on.
        data: the images, on the host.
        batches: the indices of each batch.
        is_resident: whether all images lie on the device.
    """
    if is_resident:
        batches.device = device
        return ResumableLoader(data.on(device), batches)
    if device.type != "cuda" or data.stays_on_host:
        return ResumableLoader(data, batches)
    stream = torch.cuda.Stream(device)
    return AheadLoader(data, batches, lambda batch: _copy(batch, device, stream))


def _copy(batch: Batch, device: torch.device, stream: torch.cuda.Stream) -> Copy:
    """Start to copy from pinned memory, on a stream of its own."""
    pinned = [tensor.pin_memory() for tensor in batch]
    with torch.cuda.stream(stream):
        images, labels = (tensor.to(device, non_blocking=True) for tensor in pinned)
        event = stream.record_event()

    def wait() -> Batch:
        current = torch.cuda.current_stream(device)
        current.wait_event(event)
        for tensor in (images, labels):
            tensor.record_stream(current)
        return images, labels

    return wait
