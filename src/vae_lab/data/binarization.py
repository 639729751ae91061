"""Grey pixels → black and white ones.

=========  =========================================  ==========================
name       training images                            validation and test images
=========  =========================================  ==========================
dynamic    sampled anew at every use                  sampled once, fixed seed
static     sampled once, fixed seed                   sampled once, fixed seed
threshold  white where the grey value is 128 or more  likewise
none       grey values in [0, 1]                      likewise
=========  =========================================  ==========================

Sampling makes a pixel white with probability grey value / 255 (Salakhutdinov & Murray 2008).
"""

from enum import StrEnum

import torch
from torch import Tensor

WHITE = 255


class Binarization(StrEnum):
    """How pixels are binarised."""

    DYNAMIC = "dynamic"
    STATIC = "static"
    THRESHOLD = "threshold"
    NONE = "none"


def to_float(images: Tensor) -> Tensor:
    """Map bytes 0…255 to float32 0…1, same shape."""
    return images.to(torch.float32).div_(WHITE)


def sample(images: Tensor) -> Tensor:
    """Sample white pixels with probability byte / 255, float32, from the global random state.

    A byte drawn from 0…254 is below v with probability v / 255 exactly; drawing bytes costs half
    of what ``torch.bernoulli`` does.
    """
    return (torch.empty_like(images).random_(0, WHITE) < images).to(torch.float32)


def binarize_once(images: Tensor, binarization: Binarization, seed: int) -> Tensor:
    """Binarise stored images, bytes to bytes 0 or 255, the same for the same ``seed``.

    Args:
        images: bytes, any shape.
        binarization: the rule; ``none`` returns ``images``.
        seed: of the samples, for ``dynamic`` and ``static``.
    """
    match binarization:
        case Binarization.NONE:
            return images
        case Binarization.THRESHOLD:
            white = images > WHITE // 2
        case Binarization.STATIC | Binarization.DYNAMIC:
            generator = torch.Generator().manual_seed(seed)
            white = torch.empty(images.shape).uniform_(generator=generator) < images / WHITE
    return white.to(torch.uint8) * WHITE
