"""Gradients as one vector, so that they compare in one line."""

from collections.abc import Iterable

import torch
from torch import Tensor


def gradient_of(value: Tensor, parameters: Iterable[Tensor]) -> Tensor:
    """Return the gradient of the scalar ``value``, zeros where it has none; the graph stays."""
    gradients = torch.autograd.grad(
        value, list(parameters), retain_graph=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten() for gradient in gradients])
