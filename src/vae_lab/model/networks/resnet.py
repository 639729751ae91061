"""Residual convolutions: levels of half the size, refined by residual blocks."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from vae_lab.checks import Size, Whole, checked
from vae_lab.model.networks.halving import kernel, shapes_of_levels


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), 3×3, which begins as the identity.

    He et al. 2016, arXiv:1603.05027; zero at the start as in Goyal et al. 2017, §5.1,
    arXiv:1706.02677.

    Args:
        channels: of input and output.
        activation: builds the non-linearity.
    """

    def __init__(self, channels: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(nn.Parameter, last.bias))
        self.branch = nn.Sequential(
            activation(), nn.Conv2d(channels, channels, 3, padding=1), activation(), last
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to the same shape."""
        return x + self.branch(x)


@checked
class ResNetDown(nn.Sequential):
    """One level towards the latents: a strided convolution, then residual blocks.

    Args:
        in_shape: (C, H, W).
        out_shape: (C', ⌈H/2⌉, ⌈W/2⌉).
        blocks: how many.
        activation: builds the non-linearity.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        blocks: Whole,
        activation: Callable[[], nn.Module],
    ) -> None:
        strided = nn.Conv2d(in_shape[0], out_shape[0], kernel(in_shape), stride=2, padding=1)
        super().__init__(strided, *(ResidualBlock(out_shape[0], activation) for _ in range(blocks)))


@checked
class ResNetUp(nn.Sequential):
    """One level towards the image: residual blocks, then a transposed convolution.

    Args:
        in_shape: (C', ⌈H/2⌉, ⌈W/2⌉).
        out_shape: (C, H, W).
        blocks: how many.
        activation: builds the non-linearity.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        blocks: Whole,
        activation: Callable[[], nn.Module],
    ) -> None:
        layers = [ResidualBlock(in_shape[0], activation) for _ in range(blocks)]
        larger = nn.ConvTranspose2d(
            in_shape[0], out_shape[0], kernel(out_shape), stride=2, padding=1
        )
        super().__init__(*layers, activation(), larger)


@checked
class ResNetEncoder(nn.Sequential):
    """(B, C, H, W) → levels of half the size → linear → (B, *out_shape).

    Args:
        in_shape: (C, H, W).
        out_shape: shape of one output.
        channels: channels of each level, from the image inwards.
        blocks: residual blocks per level.
        activation: builds the non-linearity.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        channels: Sequence[Size],
        blocks: Whole,
        activation: Callable[[], nn.Module],
    ) -> None:
        shapes = shapes_of_levels(in_shape, channels)
        layers: list[nn.Module] = [
            ResNetDown(fine, coarse, blocks, activation) for fine, coarse in pairwise(shapes)
        ]
        width = math.prod(shapes[-1])
        layers += [activation(), nn.Flatten(), nn.Linear(width, math.prod(out_shape))]
        super().__init__(*layers, nn.Unflatten(1, tuple(out_shape)))


@checked
class ResNetDecoder(nn.Sequential):
    """The encoder mirrored: (B, *in_shape) → linear → levels of twice the size → (B, C, H, W).

    Args:
        in_shape: shape of one input.
        out_shape: (C, H, W).
        channels: channels of each level, from the image inwards, as in the encoder.
        blocks: residual blocks per level.
        activation: builds the non-linearity.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        channels: Sequence[Size],
        blocks: Whole,
        activation: Callable[[], nn.Module],
    ) -> None:
        shapes = shapes_of_levels(out_shape, channels)
        smallest = shapes[-1]
        layers: list[nn.Module] = [nn.Flatten()]
        layers += [nn.Linear(math.prod(in_shape), math.prod(smallest)), nn.Unflatten(1, smallest)]
        for coarse, fine in pairwise(reversed(shapes)):
            layers.append(ResNetUp(coarse, fine, blocks, activation))
        super().__init__(*layers)
