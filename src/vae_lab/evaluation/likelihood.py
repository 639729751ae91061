"""log p(x) by importance sampling."""

import math

import torch
from torch import Tensor

from vae_lab.vae import Drawable

MAX_PIXELS = 2**20  # decoded pixels held at once: 4 MiB a tensor in float32, which a cache can hold


@torch.no_grad()
def log_marginal(model: Drawable, x: Tensor, num_samples: int) -> Tensor:
    """Estimate log p(x) ≈ log 1/K Σ_k p(x, z_k) / q(z_k|x), z_k ~ q(z|x).

    A lower bound in expectation, tighter with every sample (Burda et al. 2016, eq. 8 and
    theorem 1, arXiv:1509.00519). The samples are decoded in chunks, so memory does not grow with K.

    Args:
        model: anything that draws.
        x: images, (B, C, H, W).
        num_samples: K.

    Returns:
        One estimate per image, (B,), nats.

    Raises:
        ValueError: if ``num_samples`` is less than 1.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1, got {num_samples}")
    chunk = max(1, MAX_PIXELS // x.numel())
    sizes = [min(chunk, num_samples - start) for start in range(0, num_samples, chunk)]
    sums = [torch.logsumexp(model.draw(x, size).log_w, dim=0) for size in sizes]
    return torch.logsumexp(torch.stack(sums), dim=0) - math.log(num_samples)
