"""Strided convolutions: each level halves the image and has its own number of channels."""

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from vae_lab.checks import Levels, Size, checked


def smallest_map(height: int, width: int, levels: int) -> tuple[int, int]:
    """Return the size of an image after halving ``levels`` times.

    Raises:
        ValueError: if the image cannot be halved that often.
    """
    factor = 2**levels
    if height % factor or width % factor:
        raise ValueError(
            f"channels: a {height}×{width} image cannot be halved {levels} times; give fewer"
        )
    return height // factor, width // factor


@checked
class ConvEncoder(nn.Sequential):
    """(B, C, H, W) → strided 4×4 convolutions → one hidden layer → (B, *out_shape).

    Args:
        in_shape: (C, H, W); H and W divisible by 2 for each level.
        out_shape: shape of one output.
        channels: channels of each level, from the image inwards.
        hidden_size: width of the fully connected layer behind the convolutions.
        activation: builds the non-linearity.

    Raises:
        ValueError: if the image cannot be halved ``len(channels)`` times.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        channels: Levels,
        hidden_size: Size,
        activation: Callable[[], nn.Module],
    ) -> None:
        depth, height, width = in_shape
        rows, columns = smallest_map(height, width, len(channels))
        layers: list[nn.Module] = []
        for count in channels:
            layers += [nn.Conv2d(depth, count, 4, stride=2, padding=1), activation()]
            depth = count
        layers += [nn.Flatten(), nn.Linear(depth * rows * columns, hidden_size), activation()]
        layers += [nn.Linear(hidden_size, math.prod(out_shape)), nn.Unflatten(1, tuple(out_shape))]
        super().__init__(*layers)


@checked
class ConvDecoder(nn.Module):
    """The encoder mirrored: (B, *in_shape) → hidden layer → transposed convolutions → (B, C, H, W).

    Args:
        in_shape: shape of one input.
        out_shape: (C, H, W); H and W divisible by 2 for each level.
        channels: channels of each level, from the image inwards, as in the encoder.
        hidden_size: width of the fully connected layer before the convolutions.
        activation: builds the non-linearity.

    Raises:
        ValueError: if the image cannot be halved ``len(channels)`` times.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        channels: Levels,
        hidden_size: Size,
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        depth, height, width = out_shape
        smallest = (channels[-1], *smallest_map(height, width, len(channels)))
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(in_shape), hidden_size),
            activation(),
            nn.Linear(hidden_size, math.prod(smallest)),
            activation(),
            nn.Unflatten(1, smallest),
        )
        layers: list[nn.Module] = []
        for wide, narrow in zip(channels[::-1], [*channels[-2::-1], depth], strict=True):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1), activation()]
        self.upsample = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, *in_shape) to (B, C, H, W)."""
        return self.upsample(self.hidden(x))
