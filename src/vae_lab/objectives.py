"""Objectives: a ``Draw`` → a number to maximise, nats per image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from vae_lab.schedules import Schedule, as_schedule
from vae_lab.vae import Draw


@dataclass(frozen=True)
class Bound:
    """What an objective says of a batch.

    Attributes:
        value: the objective, (B,), nats. This is what is reported.
        surrogate: a scalar whose gradient is followed uphill.
        parts: unweighted terms by name, each (B,), nats, so that runs compare across objectives:
            ``elbo``, ``reconstruction`` and ``kl`` wherever these exist.
        scheduled: the values, at this epoch, of the numbers that follow a schedule.
    """

    value: Tensor
    surrogate: Tensor
    parts: Mapping[str, Tensor]
    scheduled: Mapping[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """A question put to a model through its ``Draw``."""

    num_samples: int

    def __call__(self, draw: Draw, epoch: float) -> Bound:
        """Judge ``draw`` at ``epoch`` (epochs done, fractions included)."""
        ...


def elbo_parts(draw: Draw) -> dict[str, Tensor]:
    """Return the evidence lower bound and its two terms, each (B,), nats.

    elbo = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))   (Kingma & Welling 2014, eq. 3, arXiv:1312.6114)
    """
    reconstruction = draw.log_px.mean(0)
    return {"elbo": reconstruction - draw.kl, "reconstruction": reconstruction, "kl": draw.kl}


class ELBO:
    """E_q[log p(x|z)] − β KL(q(z|x) ‖ p(z)).

    β = 1 is the evidence lower bound; another constant is the β-VAE (Higgins et al. 2017, eq. 4).

    Args:
        beta: a number, or the name of one of ``schedules``.
        num_samples: K, samples per image.
        schedules: the schedules that β may follow, by name.

    Raises:
        ValueError: if ``beta`` is a name that ``schedules`` lacks.
    """

    def __init__(
        self, beta: float | str, num_samples: int, schedules: Mapping[str, Schedule]
    ) -> None:
        self.beta = as_schedule(beta, schedules)
        self.num_samples = num_samples

    def __call__(self, draw: Draw, epoch: float) -> Bound:
        """Return the β-weighted bound."""
        parts = elbo_parts(draw)
        beta = self.beta(epoch)
        value = parts["reconstruction"] - beta * parts["kl"]
        return Bound(value, value.mean(), parts, {"beta": beta})


class Autoencoder:
    """log p(x|z) at the code z = μ(x): no sampling, no KL, hence no bound.

    The baseline that a VAE improves upon, with ``posterior=deterministic``. It reports no ``elbo``
    and no ``kl``: a point mass has an infinite KL from any density.
    """

    num_samples = 1

    def __call__(self, draw: Draw, epoch: float) -> Bound:
        """Return the reconstruction term alone."""
        value = draw.log_px.mean(0)
        return Bound(value, value.mean(), {"reconstruction": value})
