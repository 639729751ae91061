"""Priors of discrete codes, one-hot: D units, each of which takes one of C values."""

import math
from typing import cast

import torch
from torch import BoolTensor, Tensor, nn
from zuko.nn import MaskedMLP

from vae_lab.checks import Levels, Size, checked
from vae_lab.model.distributions import AutoregressiveCodes, OneHotCodes
from vae_lab.model.posteriors import Posterior
from vae_lab.model.priors import Encode, Prior


class CodePrior(Prior):
    """What priors of discrete codes share: ``bind`` tells them D and C."""

    origin: Tensor

    def bind(self, posterior: Posterior) -> None:
        """Learn D and C from the posterior.

        Raises:
            ValueError: if its latents are continuous.
        """
        if posterior.code_shape is None:
            raise ValueError(
                "prior=categorical and prior=autoregressive are of discrete codes: take "
                "posterior=categorical, vector_quantized or finite_scalar, or another prior"
            )
        self.register_buffer("origin", torch.zeros(posterior.code_shape), persistent=False)


class UniformCodes(CodePrior):
    """p(z) = C^−D: every code has the same probability."""

    factorises = True

    def forward(self, encode: Encode) -> OneHotCodes:
        """Return p(z): batch (), event (D·C,)."""
        return OneHotCodes(self.origin - math.log(self.origin.shape[-1]))


@checked
class Autoregressive(CodePrior):
    """p(z) = Π_d p(z_d | z_1 … z_{d−1}), by a masked network over all units at once.

    Germain et al. 2015, arXiv:1502.03509, with units in place of binary numbers: a unit is a few
    features, the same for a value wherever it stands, and log-odds are read from as many. Log
    probabilities are exact and cost one pass; a sample costs D passes.

    Args:
        features: of a unit, at either end of the network.
        hidden_sizes: width of each hidden layer.
    """

    def __init__(self, features: Size, hidden_sizes: Levels) -> None:
        super().__init__()
        self.features, self.hidden_sizes = features, list(hidden_sizes)

    def bind(self, posterior: Posterior) -> None:
        """Build the network for the posterior's codes.

        Raises:
            ValueError: if its latents are continuous, or there is only one unit.
        """
        super().bind(posterior)
        units, classes = self.origin.shape
        if units < 2:  # noqa: PLR2004
            raise ValueError("prior=autoregressive needs latent_dim of at least 2; with one unit "
                             "there is nothing to regress on")  # fmt: skip
        is_before = torch.ones(units, units, dtype=torch.bool).tril(-1)
        adjacency = is_before.repeat_interleave(self.features, 0)
        adjacency = cast(BoolTensor, adjacency.repeat_interleave(self.features, 1))
        self.embedding = nn.Linear(classes, self.features, bias=False)
        self.network = MaskedMLP(adjacency, self.hidden_sizes)
        self.log_odds = nn.Linear(self.features, classes, bias=False)
        self.bias = nn.Parameter(torch.zeros(units, classes))

    def forward(self, encode: Encode) -> AutoregressiveCodes:
        """Return p(z): batch (), event (D·C,)."""
        return AutoregressiveCodes(self._log_odds, self.origin)

    def _log_odds(self, z: Tensor) -> Tensor:
        """Map z (..., D·C) to the log-odds of each unit given those before it, (..., D, C)."""
        features = self.embedding(z.unflatten(-1, self.origin.shape)).flatten(-2)
        return self.log_odds(self.network(features).unflatten(-1, (-1, self.features))) + self.bias
