"""The axes through latent space that a plane of the explorer may have."""

import math
from typing import Any

import torch
from torch import Tensor

from vae_lab.pictures import plots

PRIOR_EXTENT = 3.0  # standard deviations of the prior that are shown at least
TAIL = 0.001  # share of the codes that may lie outside on either side
MARGIN = 1.05
PLANE = 2


def latent_axes(means: Tensor, order: list[int], codes_alone: bool) -> list[dict[str, Any]]:
    """Return the axes to choose from; the first two span the plane that is shown first.

    On an axis, z lies at ``direction`` · z − ``offset``; ``latent`` is the number of the latent
    that it follows, from 0. All ranges have the same length, so that every plane is a square.
    Beyond two latents the first two principal components come first, then the latents in
    ``order``.

    Args:
        means: posterior means, (N, D).
        order: of the latents.
        codes_alone: whether only the codes have to be seen, as there is no prior that reaches
            farther.
    """
    count = means.shape[1]
    shown = sorted(order) if count <= PLANE else order
    directions, names = torch.eye(count)[shown], [f"z{_subscript(d + 1)}" for d in shown]
    offsets = torch.zeros(count)
    latents: list[int | None] = [*shown]
    if count > PLANE:
        mean, components, shares = plots.principal_components(means)
        directions = torch.cat([components[:PLANE], directions])
        offsets = torch.cat([components[:PLANE] @ mean, offsets])
        names = [f"PC {i + 1} ({shares[i]:.0%})" for i in range(PLANE)] + names
        latents = [None] * PLANE + latents
    places = (means @ directions.T - offsets).T
    ranges = [_range(values, codes_alone) for values in places]
    half = MARGIN * max(high - low for low, high in ranges) / 2
    return [
        {
            "name": name,
            "latent": latent,
            "direction": direction.tolist(),
            "offset": offset.item(),
            "range": [(low + high) / 2 - half, (low + high) / 2 + half],
        }
        for name, latent, direction, offset, (low, high) in zip(
            names, latents, directions, offsets, ranges, strict=True
        )
    ]


def _range(values: Tensor, codes_alone: bool) -> tuple[float, float]:
    low, high = values.quantile(torch.tensor([TAIL, 1 - TAIL])).tolist()
    if not codes_alone:
        return min(low, -PRIOR_EXTENT), max(high, PRIOR_EXTENT)
    return (low, high) if not math.isclose(low, high) else (low - 1, high + 1)


def _subscript(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
