"""Picture files → bytes, as one sees them.

Processes that decode load this file and Pillow, and nothing that takes as long as torch.
"""

import io
import signal
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps

Fit = Literal["crop", "pad"]
Encoded = Path | bytes  # a picture as a file, or as what such a file holds
GREY_MODES = ("1", "L", "LA", "La")
TRANSPARENT_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
GREY, COLOUR = 1, 3  # channels
UPRIGHT = 1  # EXIF


class ColourError(ValueError):
    """A picture is in colour where grey ones are expected."""


class SizeError(ValueError):
    """A picture has another size than those before it."""


@dataclass(frozen=True)
class Recipe:
    """What is made of every picture.

    Attributes:
        size: (H, W).
        channels: 1 for grey, 3 for colour.
        fit: how a picture of another size is brought to this one: cut at the edges, or scaled to
            lie within it on black; None refuses it.
        greys: whether to make colours grey, rather than refuse them.
    """

    size: tuple[int, int]
    channels: int
    fit: Fit | None
    greys: bool


def decode(pictures: Sequence[Encoded], recipe: Recipe) -> list[np.ndarray | str]:
    """Return bytes (C, H, W) for each picture, or why there are none.

    Raises:
        ColourError: for a picture in colour that may not be made grey.
        SizeError: for a picture of another size that may not be brought to this one.
    """
    return [_decoded(picture, recipe) for picture in pictures]


def leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one, and ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def look_at(picture: Encoded) -> tuple[tuple[int, int], int] | str:
    """Return the size (H, W) of a picture and its number of channels, or why there are none."""
    try:
        image = _open(picture, None)
    except Exception as error:  # whatever a decoder raises for what is no picture
        return _reason(error)
    return (image.height, image.width), (GREY if image.mode == "L" else COLOUR)


def _decoded(picture: Encoded, recipe: Recipe) -> np.ndarray | str:
    try:
        image = _open(picture, recipe)
    except Exception as error:  # whatever a decoder raises for what is no picture
        return _reason(error)
    height, width = recipe.size
    if image.mode == "RGB" and recipe.channels == GREY and not recipe.greys:
        raise ColourError(_called(picture))
    image = image.convert("L" if recipe.channels == GREY else "RGB")
    if image.size != (width, height):
        if recipe.fit is None:
            raise SizeError(f"{_called(picture)} is {image.height}×{image.width}")
        bring = ImageOps.fit if recipe.fit == "crop" else ImageOps.pad
        image = bring(image, (width, height), method=Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(height, width, recipe.channels).transpose(2, 0, 1).copy()


def _called(picture: Encoded) -> str:
    return "one of them" if isinstance(picture, bytes) else str(picture)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no picture"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "it has so many pixels that it may be meant to exhaust the memory"
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _open(picture: Encoded, recipe: Recipe | None) -> Image.Image:
    """Return a picture upright, grey (mode L) or in colour (mode RGB), on white."""
    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file) as image:
            if recipe is not None and recipe.fit is not None:
                side = 2 * max(recipe.size)
                image.draft(None, (side, side))  # a large photograph is read at a lower resolution
            image.load()
            if image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) != UPRIGHT:
                return _on_white(ImageOps.exif_transpose(image))
            return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _deep(image)
    if image.mode in TRANSPARENT_MODES or "transparency" in image.info:
        visible = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        rgb = Image.alpha_composite(white, visible).convert("RGB")
    elif image.mode in ("1", "L"):
        return image.convert("L")
    else:
        rgb = image.convert("RGB")
    if image.mode in GREY_MODES or (image.mode in ("P", "PA") and _is_grey(rgb)):
        return rgb.convert("L")
    return rgb


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = np.asarray(image).transpose(2, 0, 1)
    return bool((red == green).all() and (green == blue).all())


def _deep(image: Image.Image) -> Image.Image:
    """Return a picture of more than eight bits as one of eight.

    Raises:
        ValueError: if its numbers are neither of 16 bits nor fractions.
    """
    values = np.asarray(image).astype(np.float64)
    most = 1.0 if image.mode == "F" else 65535.0
    if not ((values >= 0) & (values <= most)).all():
        raise ValueError(f"its pixels are outside 0 to {most:.0f}")
    return Image.fromarray(np.rint(values * (255.0 / most)).astype(np.uint8))
