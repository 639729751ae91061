"""Numbers that change while a model trains: epoch → value.

A schedule is a function of the *epoch as a real number* (2.5 is the middle of the third epoch), not
of the step, so that it means the same at every batch size and reads as papers state it. The same
shapes anneal β in an objective and scale the learning rate of an optimiser.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vae_lab.checks import Amount, Positive, PositiveShare, checked


class Schedule(Protocol):
    """A value that depends on how far training has come."""

    @property
    def settles_at(self) -> float:
        """The epoch from which on the value stays as it is."""
        ...

    def __call__(self, epoch: float) -> float:
        """Return the value at ``epoch`` (epochs done so far, fractions included)."""
        ...


@checked
@dataclass(frozen=True)
class Constant:
    """The same ``value`` at every epoch."""

    value: Amount

    @property
    def settles_at(self) -> float:
        """The beginning."""
        return 0.0

    def __call__(self, epoch: float) -> float:
        """Return the value at ``epoch``."""
        return self.value


@checked
@dataclass(frozen=True)
class LinearWarmup:
    """A straight line from ``start`` to ``end`` over the first ``epochs``, then constant.

    As β: KL warm-up (Bowman et al. 2016, §3.1, arXiv:1511.06349; Sønderby et al. 2016, §2.3,
    arXiv:1602.02282).

    Raises:
        ValueError: if ``epochs`` is not positive.
    """

    start: Amount
    end: Amount
    epochs: Positive

    @property
    def settles_at(self) -> float:
        """The end of the warm-up."""
        return self.epochs

    def __call__(self, epoch: float) -> float:
        """Return the value at ``epoch``."""
        return self.start + (self.end - self.start) * min(epoch / self.epochs, 1.0)


@checked
@dataclass(frozen=True)
class Cyclic:
    """Repeated linear warm-ups: each cycle rises for its first part, then rests at ``end``.

    Cyclical annealing (Fu et al. 2019, eq. 6, arXiv:1903.10145); ``ramp`` is their R.

    Args:
        start: the value where each cycle begins.
        end: the value where each cycle rests.
        epochs: the length of one cycle, epochs.
        ramp: the part of a cycle, in (0, 1], that rises.

    Raises:
        ValueError: if ``epochs`` or ``ramp`` is outside its range.
    """

    start: Amount
    end: Amount
    epochs: Positive
    ramp: PositiveShare

    @property
    def settles_at(self) -> float:
        """Never: infinity."""
        return math.inf

    def __call__(self, epoch: float) -> float:
        """Return the value at ``epoch``."""
        progress = (epoch % self.epochs) / self.epochs
        return self.start + (self.end - self.start) * min(progress / self.ramp, 1.0)


@checked
@dataclass(frozen=True)
class Cosine:
    """Linear warm-up from 0 to 1, then half a cosine down to ``final`` at ``epochs``.

    Without restarts (Loshchilov & Hutter 2017, eq. 5, arXiv:1608.03983).

    Raises:
        ValueError: unless 0 ≤ ``warmup_epochs`` < ``epochs``.
    """

    warmup_epochs: Amount
    epochs: Positive
    final: Amount

    def __post_init__(self) -> None:
        if not self.warmup_epochs < self.epochs:
            raise ValueError(
                f"warmup_epochs must be less than epochs={self.epochs}, got {self.warmup_epochs}"
            )

    @property
    def settles_at(self) -> float:
        """The end of the cosine."""
        return self.epochs

    def __call__(self, epoch: float) -> float:
        """Return the value at ``epoch``."""
        if epoch < self.warmup_epochs:
            return epoch / self.warmup_epochs
        progress = min((epoch - self.warmup_epochs) / (self.epochs - self.warmup_epochs), 1.0)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress))


@checked
@dataclass(frozen=True)
class Steps:
    """Start at 1 and multiply by ``gamma`` at each epoch in ``milestones``.

    Raises:
        ValueError: if ``milestones`` do not increase.
    """

    milestones: Sequence[Amount]
    gamma: Amount

    def __post_init__(self) -> None:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones must increase, got {list(self.milestones)}")

    @property
    def settles_at(self) -> float:
        """The last milestone."""
        return self.milestones[-1] if self.milestones else 0.0

    def __call__(self, epoch: float) -> float:
        """Return the value at ``epoch``."""
        return self.gamma ** bisect_right(self.milestones, epoch)


def as_schedule(key: str, value: float | str, named: Mapping[str, Schedule]) -> Schedule:
    """Return the schedule a user means by a number or by a name.

    Args:
        key: what the value is called in the configuration.
        value: a number, which is constant, or a key of ``named``.
        named: the schedules that have a name.

    Raises:
        ValueError: if ``value`` is a name that ``named`` lacks.
    """
    if isinstance(value, int | float):
        return Constant(value)
    if value not in named:
        choices = ", ".join(sorted(named))
        raise ValueError(
            f"{key}: '{value}' is neither a number nor a schedule; choose from {choices}"
        )
    return named[value]
