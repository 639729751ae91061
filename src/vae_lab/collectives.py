"""What several processes of one run compute together."""

import torch
import torch.distributed as dist
from torch import Tensor


@torch.no_grad()
def mean_over_batch(values: Tensor) -> Tensor:
    """Return the mean of ``values`` (B, ...) over the images of all processes, (...).

    It carries no gradients. One process alone takes the mean of its own images.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return values.mean(0)
    total = torch.cat([values.sum(0).flatten(), values.new_full((1,), float(len(values)))])
    dist.all_reduce(total)
    return (total[:-1] / total[-1]).reshape(values.shape[1:])


@torch.no_grad()
def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of ``values`` over all processes, same shape."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(values)
    return values


@torch.no_grad()
def from_first_process(values: Tensor) -> Tensor:
    """Return what the first process passes, same shape in all of them."""
    if dist.is_available() and dist.is_initialized():
        dist.broadcast(values, src=0)
    return values
