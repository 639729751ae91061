"""Fully connected layers with gates."""

import math
from collections.abc import Sequence

from torch import nn

from vae_lab.checks import Size, checked


@checked
class GatedMLP(nn.Sequential):
    """(B, *in_shape) → gated layers (W x + b) ⊙ sigmoid(V x + c) → linear → (B, *out_shape).

    Tomczak & Welling 2018, §5, arXiv:1705.07120; the gates are Dauphin et al. 2017, eq. 1,
    arXiv:1612.08083. Weights start as N(0, 2 / fan-in), as in Tomczak's code.

    Args:
        in_shape: shape of one input.
        out_shape: shape of one output.
        hidden_sizes: width of each hidden layer, in order.

    Raises:
        ValueError: if a width is less than 1.
    """

    def __init__(
        self, in_shape: Sequence[int], out_shape: Sequence[int], hidden_sizes: Sequence[Size]
    ) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        width = math.prod(in_shape)
        for hidden in hidden_sizes:
            layers += [nn.Linear(width, 2 * hidden), nn.GLU()]
            width = hidden
        layers += [nn.Linear(width, math.prod(out_shape)), nn.Unflatten(1, tuple(out_shape))]
        for layer in layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
        super().__init__(*layers)
