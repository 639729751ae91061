"""Strided convolutions: each level halves the image and has its own number of channels."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from vae_lab.checks import Levels, Size, checked
from vae_lab.model.networks.halving import kernel, shapes_of_levels


@checked
class ConvEncoder(nn.Sequential):
    """(B, C, H, W) → strided convolutions → one hidden layer → (B, *out_shape).

    Args:
        in_shape: (C, H, W); odd sizes are halved by rounding up.
        out_shape: shape of one output.
        channels: channels of each level, from the image inwards.
        hidden_size: width of the fully connected layer behind the convolutions.
        activation: builds the non-linearity.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        channels: Levels,
        hidden_size: Size,
        activation: Callable[[], nn.Module],
    ) -> None:
        shapes = shapes_of_levels(in_shape, channels)
        layers: list[nn.Module] = []
        for fine, coarse in pairwise(shapes):
            strided = nn.Conv2d(fine[0], coarse[0], kernel(fine), stride=2, padding=1)
            layers += [strided, activation()]
        layers += [nn.Flatten(), nn.Linear(math.prod(shapes[-1]), hidden_size), activation()]
        layers += [nn.Linear(hidden_size, math.prod(out_shape)), nn.Unflatten(1, tuple(out_shape))]
        super().__init__(*layers)


@checked
class ConvDecoder(nn.Module):
    """The encoder mirrored: (B, *in_shape) → hidden layer → transposed convolutions → (B, C, H, W).

    Args:
        in_shape: shape of one input.
        out_shape: (C, H, W); odd sizes are halved by rounding up.
        channels: channels of each level, from the image inwards, as in the encoder.
        hidden_size: width of the fully connected layer before the convolutions.
        activation: builds the non-linearity.
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
        shapes = shapes_of_levels(out_shape, channels)
        smallest = shapes[-1]
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(in_shape), hidden_size),
            activation(),
            nn.Linear(hidden_size, math.prod(smallest)),
            activation(),
            nn.Unflatten(1, smallest),
        )
        layers: list[nn.Module] = []
        for coarse, fine in pairwise(reversed(shapes)):
            larger = nn.ConvTranspose2d(coarse[0], fine[0], kernel(fine), stride=2, padding=1)
            layers += [larger, activation()]
        self.upsample = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, *in_shape) to (B, C, H, W)."""
        return self.upsample(self.hidden(x))
