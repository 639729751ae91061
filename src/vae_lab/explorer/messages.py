"""What the page may ask, checked before anything is computed."""

import base64
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

MOST_LATENTS = 16  # decoded at once: a row of an interpolation
FARTHEST = 1000.0


def _decoded(text: object) -> bytes:
    try:
        assert isinstance(text, str)
        return base64.b64decode(text, validate=True)
    except (AssertionError, ValueError):
        raise PydanticCustomError("base64", "takes bytes in base64") from None


Label = Annotated[int, Field(strict=True, ge=0)]
Coordinate = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-FARTHEST, le=FARTHEST)]


class Latents(BaseModel):
    """Points of latent space to decode.

    Attributes:
        z: some points, each with as many finite numbers as the run has latents.
        label: number of the class to decode them as, for a run that knows labels.
    """

    model_config = ConfigDict(extra="forbid")
    z: Annotated[list[list[Coordinate]], Field(min_length=1, max_length=MOST_LATENTS)]
    label: Label | None = None


class Picture(BaseModel):
    """An image to encode.

    Attributes:
        pixels: one byte per pixel and channel, channel by channel, row by row, in base64.
        label: number of the class to encode it as, for a run that knows labels.
    """

    model_config = ConfigDict(extra="forbid")
    pixels: Annotated[bytes, BeforeValidator(_decoded)]
    label: Label | None = None
