"""Posteriors over vectors that stand for discrete codes: the one of each unit, and no other."""

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_lab.checks import MANY, Amount, Share, ShareBelowOne, Size, checked
from vae_lab.collectives import from_first_process, sum_over_processes
from vae_lab.model.code_posteriors import Classes, CodePosterior
from vae_lab.model.distributions import ChosenCodes, CodeVectors, nearest
from vae_lab.model.posteriors import LogTerms

FSQ_MARGIN = 1e-3


class Quantized(ChosenCodes):
    """What an encoder's output was moved to.

    Args:
        output: of the encoder, (B, D, W).
        chosen: what it was moved to, with the gradients of the codes, (B, D, W).
    """

    def __init__(self, output: Tensor, chosen: Tensor) -> None:
        # the value of the one, to the bit, and the gradient of the other
        z = chosen.detach() + (output - output.detach())
        super().__init__(z.flatten(-2), output.shape[-2])
        self.output = output
        self.chosen = chosen


class VectorPosterior(CodePosterior):
    """q(z|x): all mass on the code that the encoder chooses; log q = 0.

    The rate, −log p(z), is finite: D log C nats under a uniform prior.
    """

    has_full_support = False

    def in_latent_space(self, p: Distribution) -> Distribution:
        """Return the distribution of the vectors of codes that ``p`` has as one-hot numbers."""
        return CodeVectors(p, self.vectors)


@checked
class VectorQuantized(VectorPosterior):
    """Each unit of the encoder's output moves to the nearest of C learned vectors.

    van den Oord et al. 2017, arXiv:1711.00937, with gradients straight through. The bound has the
    gradient of −w |z_e − sg(e)|² beside its own, and with ``codebook="gradient"`` of
    −|sg(z_e) − e|², z_e the output and e the code, summed over units; its value has neither. With
    ``averages`` a code is the running mean of the outputs that chose it (their appendix A.1). All
    units share the codes. A code that is chosen too seldom begins anew at an output of the encoder,
    and so do all codes at the first step.

    Args:
        latent_dim: D.
        codes: C.
        code_dim: W.
        codebook: what moves the codes: ``averages`` or ``gradient``.
        decay: of the averages, those that count how often codes are chosen included.
        commitment: w, nats.
        revive_below: share of the even use 1/C below which a code begins anew; 0 for never.

    Raises:
        ValueError: if a number is outside its range.
    """

    usage: Tensor
    collects_statistics = True
    sums: Tensor

    def __init__(
        self,
        latent_dim: Size,
        codes: Classes,
        code_dim: Size,
        codebook: Literal["averages", "gradient"],
        decay: ShareBelowOne,
        commitment: Amount,
        revive_below: Share,
    ) -> None:
        super().__init__()
        self._shape, self.unit_width = (latent_dim, codes), code_dim
        self.num_parameters = latent_dim * code_dim
        self.decay, self.commitment, self.revive_below = decay, commitment, revive_below
        self.follows_gradient = codebook == "gradient"
        vectors = torch.randn(codes, code_dim) / math.sqrt(code_dim)
        if self.follows_gradient:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)
            self.register_buffer("sums", torch.zeros_like(vectors))
        self.register_buffer("usage", torch.zeros(codes))

    def forward(self, parameters: Tensor) -> Quantized:
        """Map parameters (B, D·W) to q(z|x): batch (B,), event (D·W,)."""
        output = parameters.unflatten(-1, (self.num_units, self.unit_width))
        chosen = nn.functional.embedding(nearest(output, self.vectors), self.vectors)
        return Quantized(output, chosen.to(output.dtype))

    def complete(self, q: Distribution, terms: LogTerms) -> LogTerms:
        """Add the gradients of commitment and codes to log p(x|z); then move the codes."""
        if not self.training:
            return terms
        q = cast(Quantized, q)
        distance = (q.output - q.chosen.detach()).square().sum((-2, -1))
        penalty = self.commitment * distance
        if self.follows_gradient:
            penalty = penalty + (q.output.detach() - q.chosen).square().sum((-2, -1))
        self._move(q.output.detach().flatten(0, -2).to(self.vectors.dtype))
        log_px, log_pz, log_qz = terms
        return log_px - (penalty - penalty.detach()), log_pz, log_qz

    @torch.no_grad()
    def _move(self, outputs: Tensor) -> None:
        """Follow the encoder's outputs (N, W), those of all processes."""
        classes = len(self.vectors)
        chosen = nearest(outputs, self.vectors)
        with_counts = torch.cat([outputs, torch.ones_like(outputs[:, :1])], dim=1)
        totals = torch.zeros(classes, with_counts.shape[1]).to(outputs)
        totals = sum_over_processes(totals.index_add_(0, chosen, with_counts))
        totals /= totals[:, -1].sum()
        self.usage.lerp_(totals[:, -1], 1 - self.decay)
        is_dead = self.usage < self.revive_below / classes
        candidates = outputs[torch.randint(len(outputs), (classes,), device=outputs.device)]
        candidates = from_first_process(candidates)
        if self.follows_gradient:
            moved = self.vectors
        else:
            self.sums.lerp_(totals[:, :-1], 1 - self.decay)
            is_known = self.usage > torch.finfo(self.usage.dtype).tiny
            moved = torch.where(is_known[:, None], self.sums / self.usage[:, None], self.vectors)
            self.sums.copy_(torch.where(is_dead[:, None], candidates / classes, self.sums))
        self.vectors.copy_(torch.where(is_dead[:, None], candidates, moved))
        self.usage.masked_fill_(is_dead, 1 / classes)


@checked
class FiniteScalar(VectorPosterior):
    """Each of W numbers a unit is bounded and rounded to one of a few levels; nothing is learned.

    Mentzer et al. 2024, §3, arXiv:2309.15505, with gradients straight through. A unit takes one of
    C = Π levels values. The shift of an even number of levels is by atanh, so that an output of 0
    lies at level 0, where their code has tan.

    Args:
        latent_dim: D.
        levels: of each of the W numbers.

    Raises:
        ValueError: if a number has fewer than two levels, or there are no, or too many, values.
    """

    levels: Tensor
    vectors: Tensor

    def __init__(self, latent_dim: Size, levels: Sequence[Classes]) -> None:
        super().__init__()
        values = math.prod(levels)
        if not levels or values > MANY:
            raise ValueError(
                f"model.posterior.levels must make 2 to {MANY:,} values, got {values:,} by "
                f"{list(levels)}"
            )
        self._shape, self.unit_width = (latent_dim, values), len(levels)
        self.num_parameters = latent_dim * len(levels)
        steps = [(torch.arange(count) - count // 2) / (count // 2) for count in levels]
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32), persistent=False)
        grid = torch.cartesian_prod(*steps).reshape(-1, len(levels))
        self.register_buffer("vectors", grid, persistent=False)

    def forward(self, parameters: Tensor) -> ChosenCodes:
        """Map parameters (B, D·W) to q(z|x): batch (B,), event (D·W,)."""
        output = parameters.unflatten(-1, (self.num_units, self.unit_width))
        half = (self.levels - 1) * (1 + FSQ_MARGIN) / 2
        offset = (self.levels % 2 == 0) / 2
        bounded = (output + (offset / half).atanh()).tanh() * half - offset
        to_one = (self.levels / 2).floor()
        return Quantized(bounded / to_one, bounded.detach().round() / to_one)
