"""Means over seeds, and which points of a plane no other point beats."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Args:
        mean: the mean.
        deviation: the standard deviation of one seed, with n − 1; None for one seed.
        count: n, the number of seeds.
    """

    mean: float
    deviation: float | None
    count: int


def over_seeds(values: Mapping[int, Sequence[float]]) -> Estimate | None:
    """Return the mean over seeds, None without any.

    Args:
        values: seed → what the runs with this seed measured. Runs that repeat a seed count as one,
            by their mean: they say nothing about other seeds.
    """
    means = [statistics.fmean(repeats) for repeats in values.values() if repeats]
    if not means:
        return None
    deviation = statistics.stdev(means) if len(means) > 1 else None
    return Estimate(statistics.fmean(means), deviation, len(means))


def pareto_front(points: Sequence[Point]) -> list[int]:
    """Return the indices of the points that no other point beats, from left to right.

    One point beats another if it is at most as large in both coordinates and smaller in one.
    """
    order = sorted(range(len(points)), key=lambda index: points[index])
    front: list[int] = []
    for index in order:
        last = points[front[-1]] if front else None
        if last is None or points[index][1] < last[1] or points[index] == last:
            front.append(index)
    return front
