"""How much of its discrete codes a model uses."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.model.code_posteriors import CodePosterior


@dataclass(frozen=True)
class CodeUsage:
    """How often each value is taken.

    Attributes:
        shares: of the images, for each unit and value, (D, C).
        is_shared: whether a value means the same in every unit.
    """

    shares: Tensor
    is_shared: bool

    @property
    def perplexity(self) -> float:
        """Exp of the entropy of the values, at most C, 1 if always the same one is taken.

        Of values that all units share, those of all units together; else the mean over units.
        """
        shares = self.shares.mean(0, keepdim=True) if self.is_shared else self.shares
        return torch.special.entr(shares).sum(-1).exp().mean().item()

    @property
    def dead(self) -> int:
        """How many values no image takes, in any unit where all share them."""
        counted = self.shares.sum(0) if self.is_shared else self.shares
        return int((counted == 0).sum())


def code_usage(posterior: CodePosterior, points: Tensor) -> CodeUsage:
    """Count the codes that stand for images.

    Args:
        posterior: which has discrete codes.
        points: ``posterior.point`` of each image, (N, D·W).
    """
    codes = posterior.codes(points)
    shares = torch.zeros(posterior.code_shape, device=points.device)
    ones = torch.ones_like(codes.T, dtype=shares.dtype)
    shares.scatter_add_(1, codes.T, ones)
    return CodeUsage(shares / len(points), posterior.shares_values)
