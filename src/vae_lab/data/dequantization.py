"""256 levels → continuous pixels, of which a density can speak: (byte + u) / 256, u ~ U[0, 1).

A density has no upper limit where pixels take 256 values alone. With uniform noise in between it
says something about the bytes, as P(bytes) = 256^−CHW · E_u p(x) for images of C·H·W bytes:

    log P(bytes) ≥ E_u log p(x) − C·H·W log 256

Theis et al. 2016, arXiv:1511.01844; Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845.
"""

import torch
from torch import Tensor

from vae_lab.data.batches import Batch, ImageTensors
from vae_lab.seeding import derived_seed

LEVELS = 256


def dequantize(images: Tensor) -> Tensor:
    """Add noise from the global random state to bytes, float32 in [0, 1], same shape."""
    noise = torch.rand(images.shape, dtype=torch.float32, device=images.device)
    return noise.add_(images).div_(LEVELS)


def without_noise(images: Tensor) -> Tensor:
    """Map bytes to the middle of what noise makes of them, float32 in [0, 1], same shape."""
    return images.to(torch.float32).add_(0.5).div_(LEVELS)


def dequantize_once(images: Tensor, numbers: Tensor, seed: int) -> Tensor:
    """Add noise that is the same for the same image of the same ``seed``, float32 in [0, 1].

    Args:
        images: bytes, (N, C, H, W).
        numbers: which images of their split these are, (N,).
        seed: of the split.
    """
    noise = torch.empty(images.shape, dtype=torch.float32)
    generator = torch.Generator()
    for own, number in zip(noise, numbers.tolist(), strict=True):
        own.uniform_(generator=generator.manual_seed(derived_seed(seed, number)))
    return noise.add_(images).div_(LEVELS)


class DequantizedTensors(ImageTensors):
    """Images that get the same noise at every use.

    Args:
        images: bytes, (N, C, H, W).
        labels: integers, (N,).
        seed: of the noise.
    """

    stays_on_host = True

    def __init__(self, images: Tensor, labels: Tensor, seed: int) -> None:
        super().__init__(images, labels)
        self.seed = seed

    def __getitem__(self, index: int) -> Batch:
        images, labels = self.__getitems__(torch.tensor([index]))
        return images[0], labels[0]

    def __getitems__(self, indices: Tensor) -> Batch:
        """Return the images (B, C, H, W), float32, and labels (B,) at ``indices`` (B,)."""
        images, labels = super().__getitems__(indices)
        return dequantize_once(images, indices, self.seed), labels
