"""The curves of a run, in a CSV file with one row per step and metric."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("step", "epoch", "metric", "value")


class Point(NamedTuple):
    """A value of a metric, and when it was measured."""

    step: int
    epoch: int
    value: float


def read_curves(path: Path) -> dict[str, list[Point]]:
    """Return the points of each metric, in the order in which they were written.

    Left out are a row that a crash has cut off, and values that are no finite numbers.

    Raises:
        OSError: if the file cannot be read.
    """
    curves: dict[str, list[Point]] = {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(line.replace("\0", "") for line in file):
            try:
                point = Point(int(row["step"]), int(row["epoch"]), float(row["value"]))
            except (KeyError, TypeError, ValueError):
                continue
            if math.isfinite(point.value):
                curves.setdefault(row["metric"], []).append(point)
    return curves
