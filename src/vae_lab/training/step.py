"""A training step as a function of tensors: it knows no Lightning and asks the host for nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from vae_lab.objectives.bound import Scheduled
from vae_lab.training.numbers import Numbers, Rates
from vae_lab.training.running_means import RunningMeans

# Images (B, C, H, W) and, where the model learns from them, labels (B,).
Examples = tuple[Tensor, Tensor | None]
Judge = Callable[[Tensor, Scheduled, Tensor | None], tuple[Tensor, Mapping[str, Tensor]]]


class Executor(Protocol):
    """What takes a batch: ``Called``, or ``capture.Captured``.

    Attributes:
        has_averaged: whether the last call has also averaged weights.
    """

    has_averaged: bool

    def __call__(
        self,
        batch: Any,  # noqa: ANN401 - what it takes differs
        scheduled: dict[str, float],
        begins: bool,
        ends: bool,
    ) -> Tensor:
        """Train on a batch whose random state is set; return its terms, (M,)."""
        ...


class Updates(Protocol):
    """How gradients become new weights."""

    def begin(self) -> None:
        """Forget the gradients of the step before."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``."""
        ...

    def end(self) -> None:
        """Clip the gradients and follow them."""
        ...

    def note(self) -> None:
        """Count a step; the one part that is the host's."""
        ...


@dataclass
class Step:
    """A batch of training: forward, backward and, with the last batch of a step, the update.

    Args:
        judge: images, scheduled numbers and labels → the objective's value, (B,), and its parts.
        updates: how gradients become new weights.
        accumulate: batches whose mean gradient makes one step.

    Attributes:
        parts: the names of the bound's parts, once there was one.
    """

    judge: Judge
    updates: Updates
    accumulate: int
    parts: tuple[str, ...] = ()

    def __call__(
        self, examples: Examples, scheduled: Scheduled, begins: bool, ends: bool
    ) -> Tensor:
        """Train on a batch.

        Args:
            examples: the images in the precision of the weights.
            scheduled: the numbers that follow a schedule.
            begins: whether the batch is the first of a step.
            ends: whether it is the last.

        Returns:
            the loss and the parts of the bound, nats per image, (M,).
        """
        if begins:
            self.updates.begin()
        images, labels = examples
        value, parts = self.judge(images, scheduled, labels)
        loss = -value.mean()
        if self.accumulate > 1:
            loss = loss / self.accumulate
        if torch.is_autocast_enabled(loss.device.type):  # as outside of Lightning's training_step
            with torch.autocast(loss.device.type, enabled=False):
                self._follow(loss, ends)
        else:
            self._follow(loss, ends)
        self.parts = tuple(parts)
        return terms_of(value, parts)

    def _follow(self, loss: Tensor, ends: bool) -> None:
        self.updates.backward(loss)
        if ends:
            self.updates.end()


class Called:
    """Calls a step for each batch.

    Args:
        step: what is called.
        running: the sums that are logged.
        numbers: gives the scheduled numbers as tensors; None for plain ones.
        rates: the learning rates, where they are tensors.
        watches: whether bad losses are looked for later, rather than by who called.
    """

    has_averaged = False

    def __init__(
        self,
        step: Step,
        running: RunningMeans,
        numbers: Numbers | None,
        rates: Rates | None,
        watches: bool,
    ) -> None:
        self._step = step
        self._running = running
        self._numbers = numbers
        self._rates = rates
        self._watches = watches

    def __call__(
        self, batch: Examples, scheduled: dict[str, float], begins: bool, ends: bool
    ) -> Tensor:
        """Train on examples; return the terms, (M,)."""
        numbers = scheduled if self._numbers is None else self._numbers(scheduled)
        if self._rates is not None:
            self._rates.fill()
        terms = self._step(batch, numbers, begins, ends)
        self._running.add(terms)
        if self._watches:
            self._running.watch()
        return terms


def terms_of(value: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
    """Return the loss and the parts of a bound, averaged over the batch, (M,)."""
    return torch.stack([-value.detach(), *(part.detach() for part in parts.values())]).mean(1)
