"""Paths through latent space: points to start from, and the ways between them.

Shapes: N codes, P stations, S steps, D latent dimensions.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_lab.model.support import Support

PLANE = 2
PETALS = 5
STATIONS = 8
GAP_ROUNDS = 10
EMPTIEST = 0.05  # of the middles
SMALLEST_SINE = 1e-3
MOST = 0.97

Way = Callable[[Tensor, Tensor, int], Tensor]


def straight(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return ``steps`` points on the line from ``start`` to ``end``, both (D,), as (S, D)."""
    share = torch.linspace(0, 1, steps).to(start)[:, None]
    return start + share * (end - start)


def great_circle(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return ``steps`` points from ``start`` to ``end`` around the origin, both (D,), as (S, D).

    The direction turns evenly and the distance from the origin changes evenly. Between two draws of
    a normal in many dimensions the straight line passes closer to the origin than any draw lies.
    Shoemake 1985, §3.3 (slerp); for latent spaces White 2016, arXiv:1609.04468.
    """
    share = torch.linspace(0, 1, steps).to(start)[:, None]
    lengths = torch.stack([start.norm(), end.norm()])
    cosine = start @ end / lengths.prod().clamp_min(1e-12)
    angle = cosine.clamp(-1, 1).acos()
    if lengths.min() == 0 or angle.sin() < SMALLEST_SINE:  # no circle is the shortest
        return straight(start, end, steps)
    first, second = start / lengths[0], end / lengths[1]
    turned = ((1 - share) * angle).sin() * first + (share * angle).sin() * second
    return turned / angle.sin() * (lengths[0] + share * (lengths[1] - lengths[0]))


# From point to point without leaving where the latents lie.
WAYS = {Support.SPACE: straight, Support.SPHERE: great_circle}


def round_trip(stations: Tensor, steps: int, way: Way, rest: int = 0) -> Tensor:
    """Return the closed path through ``stations`` (P, D) and back to the first.

    Args:
        stations: in order.
        steps: points from one station, included, to the next, excluded.
        way: leads from one station to the next.
        rest: further points at each station.

    Returns:
        (P·(rest + S), D).
    """
    legs = []
    for start, end in zip(stations, stations.roll(-1, 0), strict=True):
        legs += [start.expand(rest, -1), way(start, end, steps + 1)[:-1]]
    return torch.cat(legs)


def reach(codes: Tensor, least: float, share: float = MOST) -> float:
    """Return half the width of a square around the origin that holds a share of codes (N, D).

    It grows in steps of √2 from ``least``, so that it seldom changes while a model learns.
    """
    farthest = codes.abs().amax(1).float().quantile(share).item()
    steps = math.ceil(2 * math.log2(farthest / least)) if farthest > least else 0
    return least * 2 ** (steps / 2)


def typical(codes: Tensor, labels: Tensor) -> Tensor:
    """Return, for each class in order, which of the codes (N, D) lies nearest to its mean, (P,)."""
    chosen = []
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        distances = (codes[members] - codes[members].mean(0)).norm(dim=1)
        chosen.append(members[distances.argmin()])
    return torch.stack(chosen)


def gaps(codes: Tensor, count: int) -> Tensor:
    """Return ``count`` points (count, D) between codes (N, D), far from all of them and each other.

    Of the emptiest part of the middles between two codes the farthest from all codes is chosen
    first, and each next one as if those before it were codes too.
    """
    pairs = torch.randperm(len(codes), device=codes.device)
    middles = torch.cat([(codes + codes[pairs.roll(shift)]) / 2 for shift in range(GAP_ROUNDS)])
    emptiness = torch.cdist(middles, codes).amin(1)
    emptiness, emptiest = emptiness.topk(max(count, round(EMPTIEST * len(middles))))
    middles, chosen = middles[emptiest], []
    for _ in range(count):
        chosen.append(middles[emptiness.argmax()])
        emptiness = emptiness.minimum((middles - chosen[-1]).norm(dim=1))
    return torch.stack(chosen)


def closed_walk(codes: Tensor, steps: int, support: Support = Support.SPACE) -> Tensor:
    """Return a closed path of about ``steps`` points through the region where codes (N, D) lie.

    One dimension is walked there and back. In the plane the path is a flower, which passes the
    centre and the rim. In more dimensions it leads through some of the codes, on great circles
    around their mean; on the unit sphere, on its own.
    """
    if support is Support.SPHERE:
        return round_trip(codes[:STATIONS], max(1, steps // STATIONS), great_circle)
    centre, spread = codes.mean(0), codes.std(0)
    angles = (torch.arange(steps) / steps * 2 * math.pi).to(codes)
    match codes.shape[1]:
        case 1:
            return centre + 2 * spread * angles.sin()[:, None]
        case 2:
            radius = 1.2 + 0.9 * (PETALS * angles).cos()
            flower = radius[:, None] * torch.stack([angles.cos(), angles.sin()], 1)
            return centre + spread * flower
    stations = codes[:STATIONS] - centre
    return centre + round_trip(stations, max(1, steps // len(stations)), great_circle)
