"""Fully connected layers."""

import math
from collections.abc import Callable, Sequence

from torch import nn

from vae_lab.checks import Size, checked


@checked
class MLP(nn.Sequential):
    """Fully connected network, (B, *in_shape) → (B, *out_shape); encoder and decoder alike.

    Args:
        in_shape: shape of one input.
        out_shape: shape of one output.
        hidden_sizes: width of each hidden layer, in order.
        activation: builds the non-linearity.
        normalization: builds a layer from a width, put before each non-linearity, or None.

    Raises:
        ValueError: if a width is less than 1.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        hidden_sizes: Sequence[Size],
        activation: Callable[[], nn.Module],
        normalization: Callable[[int], nn.Module] | None,
    ) -> None:
        layers: list[nn.Module] = [nn.Flatten()] if len(in_shape) > 1 else []
        width = math.prod(in_shape)
        for hidden in hidden_sizes:
            layers.append(nn.Linear(width, hidden))
            if normalization is not None:
                layers.append(normalization(hidden))
            layers.append(activation())
            width = hidden
        layers.append(nn.Linear(width, math.prod(out_shape)))
        if len(out_shape) > 1:
            layers.append(nn.Unflatten(1, tuple(out_shape)))
        super().__init__(*layers)
