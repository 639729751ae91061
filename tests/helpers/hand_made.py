"""Draws with terms of one's own choosing, for what depends on these alone."""

import torch
from torch import Tensor

from vae_lab.model.contract import Draw, known


def draw_of_log_w(log_w: Tensor) -> Draw:
    """Return a draw with these log weights (K, B), all of it reconstruction."""
    nothing = torch.zeros_like(log_w)
    z = torch.zeros(*log_w.shape, 1, dtype=log_w.dtype)
    return Draw(log_w, known(nothing), known(nothing), nothing[0, :, None], False, z, None, None)


def draw_of_kl(kl_per_dim: Tensor) -> Draw:
    """Return a draw of one sample with this KL (B, D), whose log terms are all zero."""
    nothing = torch.zeros_like(kl_per_dim[None, :, 0])
    z = torch.zeros_like(kl_per_dim[None])
    return Draw(nothing, known(nothing), known(nothing), kl_per_dim, True, z, None, None)
