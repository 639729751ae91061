"""log p(x) by importance sampling."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.model.contract import Drawable
from vae_lab.model.likelihoods import Pixels

MAX_PIXELS = 2**20  # decoded pixels held at once: 4 MiB a tensor in float32, which a cache can hold
BITS_OF_A_BYTE = 8
MAX_IMAGES = 128  # encoded together: few enough for many samples of each to be decoded together
PIXELS_ON_GPU = 2**25  # 128 MiB a tensor in float32
IMAGES_ON_GPU = 1024


@dataclass(frozen=True)
class ImportanceEstimate:
    """What K importance samples per image say.

    Attributes:
        log_px: log p(x), (N,), nats.
        effective_sample_size: (Σ w)² / Σ w², between 1 and K, (N,).
    """

    log_px: Tensor
    effective_sample_size: Tensor


@torch.no_grad()
def importance_sample(
    model: Drawable,
    images: Tensor,
    num_samples: int,
    on_progress: Callable[[int], None] = lambda images_done: None,
) -> ImportanceEstimate:
    """Estimate log p(x) ≈ log 1/K Σ_k p(x, z_k) / q(z_k|x), z_k ~ q(z|x).

    A lower bound in expectation, tighter with every sample (Burda et al. 2016, eq. 8 and
    theorem 1, arXiv:1509.00519). Each image is encoded once; images × samples are decoded in
    chunks, so memory grows with neither. A GPU takes larger chunks than a processor, and draws
    other random numbers for an image.

    Args:
        model: anything that draws.
        images: (N, C, H, W), N at least 1.
        num_samples: K.
        on_progress: told how many images are done, now and then.

    Raises:
        ValueError: if ``num_samples`` is less than 1.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1, got {num_samples}")
    sums, sums_of_squares = [], []
    is_on_gpu = images.device.type == "cuda"
    pixels = PIXELS_ON_GPU if is_on_gpu else MAX_PIXELS
    for x in images.split(IMAGES_ON_GPU if is_on_gpu else MAX_IMAGES):
        draw = model.condition(x)
        chunk = max(1, pixels // x.numel())
        log_sum = x.new_full((len(x),), -torch.inf)
        log_sum_of_squares = log_sum.clone()
        for start in range(0, num_samples, chunk):
            log_w = draw(min(chunk, num_samples - start)).log_w
            log_sum = torch.logaddexp(log_sum, log_w.logsumexp(0))
            log_sum_of_squares = torch.logaddexp(log_sum_of_squares, (2 * log_w).logsumexp(0))
        sums.append(log_sum)
        sums_of_squares.append(log_sum_of_squares)
        on_progress(sum(map(len, sums)))
    log_sums = torch.cat(sums)
    effective = (2 * log_sums - torch.cat(sums_of_squares)).exp()
    return ImportanceEstimate(log_sums - math.log(num_samples), effective)


def bits_per_pixel(nll: Tensor, image_shape: Sequence[int], pixels: Pixels) -> Tensor:
    """Return what images of shape (C, H, W) cost in bits per pixel and channel.

    Of continuous pixels −log p(x) is a density's, and nothing that images could cost. With 8 bits
    more it is at least −log P(bytes), on average over the noise: see ``data/dequantization.py``.

    Args:
        nll: −log p(x), nats per image.
        image_shape: (C, H, W).
        pixels: what p is a distribution of.
    """
    bits = nll / (math.prod(image_shape) * math.log(2))
    return bits + BITS_OF_A_BYTE if pixels == "continuous" else bits
