"""What every objective is, what it returns, and what all of them report.

To add one, write a subclass of ``Objective`` in a file of its own here, and
``conf/objective/<name>.yaml``::

    _target_: vae_lab.objectives.<file>.<Class>
    num_samples: 1

``objective=<name>`` then selects it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from vae_lab.checks import Size, checked
from vae_lab.model.contract import Draw, Model

Scheduled = Mapping[str, float | Tensor]


@dataclass(frozen=True)
class Bound:
    """What an objective says of a batch.

    Attributes:
        value: the objective, (B,), nats: its batch mean is reported, and its gradient followed
            uphill.
        parts: unweighted terms by name, each (B,), nats, so that runs compare across objectives:
            ``elbo``, ``reconstruction`` and ``kl`` wherever these exist.
    """

    value: Tensor
    parts: Mapping[str, Tensor]


@checked
class Objective:
    """A question put to a model through its ``Draw``.

    Attributes:
        num_samples: K, how many samples per image it asks for.
        path_gradient: whether it asks for log q(z|x) with gradients through the samples alone.
        needs_rsample: whether it is wrong for samples that carry no gradients to q(z|x).
        compared_by: the part of its bounds by which runs are compared, as their objectives may
            differ; higher is better.

    Raises:
        ValueError: if ``num_samples`` is less than 1.
    """

    path_gradient = False
    needs_rsample = False
    compared_by = "elbo"

    def __init__(self, num_samples: Size) -> None:
        self.num_samples = num_samples

    @property
    def settles_at(self) -> float:
        """The epoch from which on its schedules stay as they are, and epochs can be compared."""
        return 0.0

    def check(self, model: Model) -> None:
        """Refuse a model that this cannot be asked of, before training begins.

        By default one without a KL. An objective that needs more says so here.

        Raises:
            ValueError: with what to do.
        """
        if model.posterior.is_point_mass:
            raise ValueError(
                "posterior=deterministic has no KL; it goes with objective=autoencoder"
            )
        if self.needs_rsample and not model.posterior.has_rsample:
            raise ValueError(
                "this objective needs samples that carry gradients, which discrete codes lack; "
                "use objective=elbo, free_bits or capacity"
            )
        if self.num_samples < model.posterior.least_samples:
            raise ValueError(
                "model.posterior.gradient=score_function compares an image's samples with each "
                f"other; use objective.num_samples={model.posterior.least_samples} or more"
            )

    def caveat(self, model: Model) -> str | None:
        """Say what one should know of asking this of ``model``, or None if there is nothing."""
        return None

    def scheduled(self, epoch: float) -> dict[str, float]:
        """Return the numbers that follow a schedule, by name, after ``epoch`` epochs."""
        return {}

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Judge ``draw``, of a model that ``check`` lets pass.

        Args:
            draw: K samples for each of B images.
            scheduled: the scheduled numbers; as tensors, they may change within compiled code.
        """
        raise NotImplementedError

    def score(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Judge ``draw``, and add to the value what its model wants maximised beside it."""
        bound = self.judge(draw, scheduled)
        if draw.supervision is None:
            return bound
        return Bound(bound.value + draw.supervision, bound.parts)

    def __call__(self, draw: Draw, epoch: float) -> Bound:
        """Judge ``draw`` after ``epoch`` epochs, fractions included."""
        return self.score(draw, self.scheduled(epoch))


def elbo_parts(draw: Draw) -> dict[str, Tensor]:
    """Return the evidence lower bound and its two terms, each (B,), nats.

    elbo = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))   (Kingma & Welling 2014, eq. 3, arXiv:1312.6114)
    """
    reconstruction, kl = draw.log_px.mean(0), draw.kl
    return {"elbo": reconstruction - kl, "reconstruction": reconstruction, "kl": kl}
