"""Arrays of any kind → bytes (N, C, H, W), or one line that asks what they are."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

Layout = Literal["NHW", "NHWC", "NCHW"]
CHANNELS = (1, 3)
WHITE = 255


class Levels(NamedTuple):
    """What the numbers of an array mean.

    Attributes:
        factor: by which they become 0 to 255.
        are_two: whether all are black or white.
    """

    factor: int
    are_two: bool


def levels_of(parts: Iterable[np.ndarray], name: str) -> Levels:
    """Tell what numbers mean; no more is read of bytes than that takes.

    Args:
        parts: the array, one after the other.
        name: of the array, for messages.

    Raises:
        ValueError: if these are no pixels.
    """
    low, high, kind, are_two = np.inf, -np.inf, "u", True
    highest = set[float]()
    for part in parts:
        kind = part.dtype.kind
        if kind not in "biuf" or not part.size:
            raise ValueError(f"data.root: {name} holds no pixels: {part.shape} of {part.dtype}")
        least, most = part.min(), part.max()
        if kind == "f" and np.isnan(least):
            raise ValueError(f"data.root: {name} holds NaN; replace it")
        low, high = min(low, least), max(high, most)
        highest.add(float(most))
        are_two = are_two and not ((part > 0) & (part < most)).any()
        if part.dtype == np.uint8 and most > 1 and not are_two:
            break
    most = 1 if kind == "f" else WHITE
    if low < 0 or high > most:
        got = f"{low:.4g} to {high:.4g}" if kind == "f" else f"whole numbers from {low} to {high}"
        raise ValueError(
            f"data.root: {name} must be bytes, or fractions in [0, 1], got {got}; scale it"
        )
    white = 1 if high <= 1 else WHITE
    return Levels(WHITE if high <= 1 else 1, are_two and highest <= {0.0, float(white)})


def to_bytes(array: np.ndarray, levels: Levels) -> np.ndarray:
    """Return numbers as bytes, same shape; fractions become the nearest of 256 levels."""
    if array.dtype.kind == "f":
        return np.rint(array * np.float32(WHITE)).astype(np.uint8)
    pixels = array.astype(np.uint8, copy=False)
    return pixels if levels.factor == 1 else pixels * np.uint8(levels.factor)


def as_bytes(array: np.ndarray, name: str) -> np.ndarray:
    """Return pixels as bytes, same shape.

    Bytes stay as they are, fractions in [0, 1] are rounded to the nearest of 256 levels, and where
    no number is above 1, whole numbers are black and white.

    Args:
        array: numbers.
        name: of the array, for messages.

    Raises:
        ValueError: if these are no pixels.
    """
    return to_bytes(array, levels_of([array], name))


def channels_first(
    array: np.ndarray, name: str, layout: Layout | None, image_shape: Sequence[int] | None
) -> np.ndarray:
    """Return images as (N, C, H, W), with one channel or three.

    Args:
        array: (N, H, W), (N, H, W, C) or (N, C, H, W); vectors (N, D) if ``image_shape`` is given.
        name: of the array, for messages.
        layout: which of these, or None where the shape tells.
        image_shape: (C, H, W) of one image, or None.

    Raises:
        ValueError: if the shape does not tell, or there are other numbers of channels.
    """
    shape = array.shape
    if array.ndim == 2 and image_shape is not None:  # noqa: PLR2004
        if shape[1] != math.prod(image_shape):
            raise ValueError(
                f"data.image_shape={list(image_shape)} has {math.prod(image_shape)} pixels, but "
                f"the vectors of {name} have {shape[1]}"
            )
        return array.reshape(-1, *image_shape)
    kind = layout or _layout(shape, name)
    if array.ndim != len(kind):
        raise ValueError(f"data.layout={layout} needs {len(kind)} axes, but {name} is {shape}")
    if kind == "NHW":
        return array[:, None]
    images = array.transpose(0, 3, 1, 2) if kind == "NHWC" else array
    if images.shape[1] not in CHANNELS:
        raise ValueError(
            f"data.root: {name} {shape} has {images.shape[1]} channels; images have 1 or 3"
        )
    return images


def _layout(shape: tuple[int, ...], name: str) -> Layout:
    """Tell what the axes of an array are.

    Raises:
        ValueError: if its shape leaves that open.
    """
    asked = f"data.layout must say what the axes of {name} {shape} are:"
    if len(shape) == 3:  # noqa: PLR2004
        if shape[-1] in CHANNELS:
            raise ValueError(f"{asked} NHW, many images, unless this is one image, as it looks")
        return "NHW"
    if len(shape) != 4:  # noqa: PLR2004
        raise ValueError(f"data.root: {name} {shape} must have 3 axes, or 4 with channels")
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first == last and first:
        raise ValueError(f"{asked} NHWC or NCHW")
    if not first and not last:
        raise ValueError(
            f"data.root: {name} {shape} has neither 1 nor 3 channels, in front (N, C, H, W) or "
            "behind (N, H, W, C)"
        )
    return "NCHW" if first else "NHWC"
