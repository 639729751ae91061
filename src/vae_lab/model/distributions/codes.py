"""Distributions of discrete codes: D units, each of which takes one of C values.

z lists one-hot numbers unit by unit, event (D·C,), or vectors that stand for the values, event
(D·W,).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.model.distributions.latents import Delta


class OneHotCodes(Distribution):
    """Independent units, as one-hot numbers: batch (...), event (D·C,).

    Args:
        log_probs: log probabilities, (..., D, C).
    """

    has_rsample = False

    def __init__(self, log_probs: Tensor) -> None:
        units, classes = log_probs.shape[-2:]
        super().__init__(log_probs.shape[:-2], torch.Size([units * classes]), validate_args=False)
        self.log_probs = log_probs

    @property
    def mean(self) -> Tensor:
        """The probabilities, (..., D·C)."""
        return self.log_probs.exp().flatten(-2)

    @property
    def variance(self) -> Tensor:
        """Variance of each number, (..., D·C)."""
        return self.mean * (1 - self.mean)

    @property
    def mode(self) -> Tensor:
        """The most probable code, (..., D·C)."""
        return one_hot(self.log_probs).flatten(-2)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return one-hot samples, (*sample_shape, ..., D·C)."""
        with torch.no_grad():
            return one_hot(self._noisy(sample_shape)).flatten(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of ``value`` (..., D·C), nats, (...).

        Linear in ``value``, so that it is defined between one-hot numbers too.
        """
        return self.log_prob_per_dim(value).sum(-1)

    def log_prob_per_dim(self, value: Tensor) -> Tensor:
        """Return the log probability of each unit of ``value`` (..., D·C), nats, (..., D)."""
        return (value.unflatten(-1, self.log_probs.shape[-2:]) * self.log_probs).sum(-1)

    def rsample_and_log_prob(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return samples, which carry no gradients here, and their log probabilities, nats."""
        z = self.sample(sample_shape)
        return z, self.log_prob(z)

    def _noisy(self, sample_shape: torch.Size | tuple[int, ...]) -> Tensor:
        """Add Gumbel noise: the largest of C such numbers is the c-th with probability p_c."""
        shape = (*sample_shape, *self.log_probs.shape)
        return self.log_probs - torch.empty(
            shape, dtype=self.log_probs.dtype, device=self.log_probs.device
        ).exponential_().log_()  # fmt: skip


class RelaxedCodes(OneHotCodes):
    """Units between their values: softmax((log p + Gumbel noise) / T) in place of one-hot numbers.

    Jang et al. 2017, eq. 2, arXiv:1611.01144; Maddison et al. 2017, eq. 10, arXiv:1611.00712. Their
    gradient is biased; as T falls the bias vanishes and the variance grows. ``log_prob`` remains
    that of the discrete codes.

    Args:
        log_probs: log probabilities, (..., D, C).
        temperature: T, a tensor ().
        straight_through: whether samples are one-hot and only their gradients those of relaxed ones
            (Jang et al. 2017, §2.2).
    """

    def __init__(self, log_probs: Tensor, temperature: Tensor, straight_through: bool) -> None:
        super().__init__(log_probs)
        self.temperature = temperature
        self.straight_through = straight_through

    def rsample_and_log_prob(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return samples (*sample_shape, ..., D·C) and their log probabilities, nats."""
        soft = (self._noisy(sample_shape) / self.temperature).softmax(-1)
        z = one_hot(soft) + (soft - soft.detach()) if self.straight_through else soft
        return z.flatten(-2), self.log_prob(z.flatten(-2))


class ChosenCodes(Delta):
    """All mass on one code: probability 1 there, log q = 0, and hence a finite KL.

    Args:
        value: the code's vectors, (..., D·W).
        units: D.
    """

    def __init__(self, value: Tensor, units: int) -> None:
        super().__init__(value)
        self.units = units

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0 where ``value`` is the code and −∞ elsewhere, (...)."""
        return self.log_prob_per_dim(value).sum(-1)

    def log_prob_per_dim(self, value: Tensor) -> Tensor:
        """Return the same for each unit, (..., D)."""
        is_chosen = (value == self.mean).unflatten(-1, (self.units, -1)).all(-1)
        return torch.where(is_chosen, 0.0, -torch.inf).to(self.mean)


class CodeVectors(Distribution):
    """Codes with a distribution of their own, as the vectors that stand for them: event (D·W,).

    Args:
        codes: of the same codes as one-hot numbers, event (D·C,).
        vectors: that stand for the C values of every unit, (C, W).
    """

    has_rsample = False

    def __init__(self, codes: Distribution, vectors: Tensor) -> None:
        classes, width = vectors.shape
        self.units = codes.event_shape[0] // classes
        super().__init__(codes.batch_shape, torch.Size([self.units * width]), validate_args=False)
        self.codes = codes
        self.vectors = vectors

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return the vectors of sampled codes, (*sample_shape, ..., D·W)."""
        z = self.codes.sample(torch.Size(sample_shape)).unflatten(-1, (self.units, -1))
        return self.vectors.detach()[z.argmax(-1)].flatten(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of the codes nearest to ``value`` (..., D·W), nats, (...)."""
        return self.codes.log_prob(self.one_hot(value))

    def one_hot(self, value: Tensor) -> Tensor:
        """Return the codes nearest to ``value`` (..., D·W) as one-hot numbers, (..., D·C)."""
        index = nearest(value.unflatten(-1, (self.units, -1)), self.vectors)
        return _one_hot_at(index, value.new_zeros(*index.shape, len(self.vectors))).flatten(-2)


class AutoregressiveCodes(Distribution):
    """p(z) = Π_d p(z_d | z_1 … z_{d−1}): batch (), event (D·C,), one-hot.

    Args:
        log_odds: z (..., D·C) → unnormalised log p(z_d = c | z_1 … z_{d−1}), (..., D, C).
        origin: zeros, (D, C), which say on which device and in which precision to sample.
        temperature: T ≥ 0, by which every log-odds is divided; 0 takes the largest.
    """

    has_rsample = False

    def __init__(
        self, log_odds: Callable[[Tensor], Tensor], origin: Tensor, temperature: float = 1.0
    ) -> None:
        super().__init__(torch.Size(), torch.Size([origin.numel()]), validate_args=False)
        self._log_odds = log_odds
        self._origin = origin
        self._temperature = temperature

    def tempered(self, temperature: float) -> "AutoregressiveCodes":
        """Return the same with another temperature."""
        return AutoregressiveCodes(self._log_odds, self._origin, temperature)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of ``value`` (..., D·C), nats, (...); T must not be 0."""
        log_probs = (self._log_odds(value) / self._temperature).log_softmax(-1)
        return (value.unflatten(-1, self._origin.shape) * log_probs).sum((-2, -1))

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return samples, (*sample_shape, D·C), by D passes."""
        with torch.no_grad():
            z = self._origin.new_zeros(*sample_shape, *self._origin.shape)
            for unit in range(len(self._origin)):
                log_odds = self._log_odds(z.flatten(-2))[..., unit, :]
                if self._temperature:
                    noise = torch.empty_like(log_odds).exponential_().log_()
                    log_odds = log_odds / self._temperature - noise
                z[..., unit, :] = one_hot(log_odds)
            return z.flatten(-2)


def one_hot(scores: Tensor) -> Tensor:
    """Return 1 at the largest of scores (..., C) and 0 elsewhere."""
    return _one_hot_at(scores.argmax(-1), torch.zeros_like(scores))


@torch.no_grad()
def nearest(z: Tensor, vectors: Tensor) -> Tensor:
    """Return which of the vectors (C, W) is nearest to each of z (..., W), (...)."""
    with torch.autocast(z.device.type, enabled=False):  # too few digits to tell codes apart
        z, vectors = z.to(vectors.dtype), vectors.detach()
        return torch.sub(vectors.square().sum(-1) / 2, z @ vectors.mT).argmin(-1)


def _one_hot_at(index: Tensor, zeros: Tensor) -> Tensor:
    return zeros.scatter_(-1, index[..., None], 1.0)
