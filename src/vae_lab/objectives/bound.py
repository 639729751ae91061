"""What every objective returns, and what all of them report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vae_lab.model.contract import Draw


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


class Objective:
    """A question put to a model through its ``Draw``.

    Attributes:
        num_samples: K, how many samples per image it asks for.
        path_gradient: whether it asks for log q(z|x) with gradients through the samples alone.

    Raises:
        ValueError: if ``num_samples`` is less than 1.
    """

    path_gradient = False

    def __init__(self, num_samples: int) -> None:
        if num_samples < 1:
            raise ValueError(f"objective.num_samples must be at least 1, got {num_samples}")
        self.num_samples = num_samples

    def __call__(self, draw: Draw, epoch: float) -> Bound:
        """Judge ``draw`` at ``epoch`` (epochs done, fractions included)."""
        raise NotImplementedError


def elbo_parts(draw: Draw) -> dict[str, Tensor]:
    """Return the evidence lower bound and its two terms, each (B,), nats.

    elbo = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))   (Kingma & Welling 2014, eq. 3, arXiv:1312.6114)
    """
    reconstruction = draw.log_px.mean(0)
    return {"elbo": reconstruction - draw.kl, "reconstruction": reconstruction, "kl": draw.kl}
