"""Optimisers that torch.optim lacks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.optim import Adam, Optimizer

from vae_lab.checks import Amount, Positive, Size
from vae_lab.extras import require

TINY = 1e-7


class AdamNormGrad(Adam):
    """Adam on gradients that are scaled to length 1, each tensor by itself.

    As in the code of Tomczak & Welling 2018, arXiv:1705.07120; its results rest on it.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401
        """Evaluate ``closure``, normalise the gradients and take one step; return its loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        parameters = [p for group in self.param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        lengths = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_add_(lengths, TINY)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_div_(gradients, lengths)  # pyright: ignore[reportPrivateImportUsage]
        super().step()
        return loss


def soap(
    lr: Positive, weight_decay: Amount, precondition_frequency: Size, max_precondition_dim: Size
) -> Callable[..., Optimizer]:
    """Return what builds SOAP from parameters: Adam in the eigenbasis of Shampoo's preconditioner.

    Vyas et al. 2024, arXiv:2409.11321.

    Args:
        lr: learning rate.
        weight_decay: decoupled from the gradient.
        precondition_frequency: steps from one eigenbasis to the next.
        max_precondition_dim: sides of a weight that are longer are left as they are.

    Raises:
        MissingExtraError: if the extra ``soap`` is not installed.
    """
    return partial(
        require("pytorch_optimizer", extra="soap").SOAP,
        lr=lr,
        weight_decay=weight_decay,
        precondition_frequency=precondition_frequency,
        max_precondition_dim=max_precondition_dim,
    )
