"""Levels of half the size: which shape a level has, and which convolution leads to it."""

from collections.abc import Sequence


def halved(shape: Sequence[int], channels: int) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the next level; odd sizes are rounded up."""
    return channels, (shape[1] + 1) // 2, (shape[2] + 1) // 2


def shapes_of_levels(
    image_shape: Sequence[int], channels: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Return the shape of the image, and of each level from there inwards."""
    depth, height, width = image_shape
    shapes = [(depth, height, width)]
    for count in channels:
        shapes.append(halved(shapes[-1], count))
    return shapes


def kernel(finer: Sequence[int]) -> tuple[int, int]:
    """Return the kernel that, with stride 2 and padding 1, leads from or to a map of that shape.

    It has 4 pixels where the size is even, and 3 where it is odd.
    """
    return 3 + (finer[1] + 1) % 2, 3 + (finer[2] + 1) % 2
