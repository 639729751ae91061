"""Whether single latent dimensions know single factors of variation."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vae_lab.evaluation.information import in_batches
from vae_lab.evaluation.measurement import Measurement
from vae_lab.model.code_posteriors import CodePosterior
from vae_lab.model.contract import Model

BATCH = 1000
DRAWS = 10  # codes per image
MOST_BINS = 50


@torch.no_grad()
def encoded(model: Model, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """Return ten samples of q(z|x) for each image, on the CPU, (10, N, D).

    Of discrete codes these are the values of the units, whole numbers from 0.
    """
    batches = in_batches(model, images, labels, BATCH)
    drawn = (model.encode(x, y).sample(torch.Size([DRAWS])) for x, y in batches)
    if isinstance(posterior := model.posterior, CodePosterior):
        drawn = map(posterior.codes, drawn)
    return torch.cat([codes.cpu() for codes in drawn], dim=1)


def factor_information(codes: Tensor, factors: Tensor) -> Tensor:
    """Return I(z_d; v_f) / H(v_f): the share of a factor that one latent dimension tells.

    The joint distribution is that of the images, each with equal weight, and z ~ q(z|x). z_d falls
    into bins of equal mass, as many as the square root of the number of images, at most 50. That
    loses a little of what z_d tells; what it seems to tell by chance is about
    (bins − 1) · (values − 1) / 2N nats. The values of discrete codes are counted as they are.

    Args:
        codes: samples of q(z|x), (L, N, D); whole numbers from 0 if they are discrete.
        factors: which value each factor has, counting from 0, (N, F).

    Returns:
        Shares in [0, 1], (F, D); 0 for a factor that has but one value.
    """
    draws, count, _ = codes.shape
    is_discrete = not codes.is_floating_point()
    bins = int(codes.max()) + 1 if is_discrete else max(2, min(MOST_BINS, math.isqrt(count)))
    shares = []
    for values in factors.T:
        of_draws = values.repeat(draws)
        kinds = int(values.max()) + 1
        entropy = _entropy(torch.bincount(values))
        row = []
        for code in codes.flatten(0, 1).T:
            cells = code if is_discrete else _in_bins(code.double(), bins)
            joint = torch.bincount(cells * kinds + of_draws, minlength=bins * kinds)
            table = joint.reshape(bins, kinds)
            told = _entropy(table.sum(0)) + _entropy(table.sum(1)) - _entropy(joint)
            row.append(told / entropy if entropy > 0 else 0.0)
        shares.append(row)
    return torch.tensor(shares, dtype=torch.float64).clamp(0, 1)


def disentanglement(
    codes: Tensor, factors: Tensor, names: Sequence[str]
) -> tuple[dict[str, Measurement], dict[str, Any]]:
    """Measure how far each factor has a latent dimension of its own.

    ``mig`` is the mutual information gap (Chen et al. 2018, §4, arXiv:1802.04942),

        1/F Σ_f (I(z_a; v_f) − I(z_b; v_f)) / H(v_f),

    where z_a tells most about factor v_f and z_b second most. It is 1 if every factor can be read
    off a dimension and no other tells anything about it.

    Args:
        codes: samples of q(z|x), (L, N, D).
        factors: which value each factor has, counting from 0, (N, F).
        names: of the factors.

    Returns:
        The figures by name; and for each factor the gap, the dimension z_a, counted from 1, and
        the shares that all dimensions tell.
    """
    shares = factor_information(codes, factors)
    most = torch.cat([shares, shares.new_zeros(len(shares), 1)], dim=1).topk(2, dim=1)
    gaps = most.values[:, 0] - most.values[:, 1]
    details = {
        name: {"gap": gap, "dimension": dimension + 1, "told_by_each": told}
        for name, gap, dimension, told in zip(
            names, gaps.tolist(), most.indices[:, 0].tolist(), shares.tolist(), strict=True
        )
    }
    return {"mig": Measurement.of("mig", gaps.mean().item())}, details


def _in_bins(code: Tensor, bins: int) -> Tensor:
    """Return into which of so many bins of equal mass each number falls, of the same shape (M,)."""
    inner = torch.arange(1, bins) * len(code) // bins  # the edges but the two outermost
    return torch.searchsorted(code.sort().values[inner], code.contiguous(), right=True)


def _entropy(counts: Tensor) -> float:
    """Return the entropy of a distribution that is given by counts, in nats."""
    shares = counts[counts > 0].double() / counts.sum()
    return -(shares * shares.log()).sum().item()
