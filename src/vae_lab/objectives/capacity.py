"""Capacity control: a KL that grows on purpose."""

from collections.abc import Mapping

from vae_lab.checks import Amount, Size, checked
from vae_lab.collectives import mean_over_batch
from vae_lab.model.contract import Draw
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts
from vae_lab.objectives.schedules import Schedule, as_schedule


@checked
class Capacity(Objective):
    """E_q[log p(x|z)] − γ |KL − C|, with the KL averaged over the batch of all processes.

    The capacity C rises while training, and the information in the code with it. Burgess et al.
    2018, §4.2, arXiv:1804.03599.

    Args:
        gamma: γ, the weight.
        capacity: C in nats: a number, or the name of one of ``schedules``.
        num_samples: K, samples per image.
        schedules: the schedules that C may follow, by name.

    Raises:
        ValueError: if ``capacity`` is a name that ``schedules`` lacks.
    """

    def __init__(
        self,
        gamma: Amount,
        capacity: Amount | str,
        num_samples: Size,
        schedules: Mapping[str, Schedule],
    ) -> None:
        super().__init__(num_samples)
        self.gamma = gamma
        self.capacity = as_schedule("objective.capacity", capacity, schedules)

    @property
    def settles_at(self) -> float:
        """The epoch from which on C is constant."""
        return self.capacity.settles_at

    def scheduled(self, epoch: float) -> dict[str, float]:
        """Return C."""
        return {"capacity": self.capacity(epoch)}

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the objective, whose batch mean is the formula above."""
        parts = elbo_parts(draw)
        excess = draw.kl - scheduled["capacity"]
        value = parts["reconstruction"] - self.gamma * mean_over_batch(excess).sign() * excess
        return Bound(value, parts)
