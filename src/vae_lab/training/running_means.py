"""What training logs: means over the batches since they were last logged."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class RunningMeans:
    """Sums of the loss and the parts of the bound over batches, on the device.

    Attributes:
        count: batches in the sums.
        images: how many images this process has trained on.
        sums: (M,); None before the first batch.
        finite: after how many of these batches the sum of the loss was finite. It stays as it is
            from the first on where it was not.
    """

    count: int = 0
    images: int = 0
    sums: Tensor | None = None
    finite: Tensor | None = None
    _steps: list[int] = field(default_factory=list)

    def add(self, terms: Tensor) -> None:
        """Add the terms of a batch, (M,); the host is asked for nothing."""
        if self.sums is None:
            self.sums = torch.zeros_like(terms)
        self.sums.add_(terms)

    def watch(self) -> None:
        """Remember whether the sum of the loss is finite; the host is asked for nothing."""
        assert self.sums is not None
        if self.finite is None:
            self.finite = torch.zeros((), dtype=torch.long, device=self.sums.device)
        self.finite.add_(self.sums[0].isfinite())

    def note(self, step: int, num_images: int) -> None:
        """Count a batch of the optimiser's step ``step``."""
        self.count += 1
        self.images += num_images
        self._steps.append(step)

    def tensors(self) -> list[Tensor]:
        """Return what ``add`` and ``watch`` change."""
        return [tensor for tensor in (self.sums, self.finite) if tensor is not None]

    def first_bad(self) -> tuple[int, float] | None:
        """Return the step of the first loss that is not finite, and the sum with it; or None."""
        if self.finite is None or self.sums is None or not self._steps:
            return None
        good = int(self.finite.item()) - (self.count - len(self._steps))
        return (self._steps[good], self.sums[0].item()) if good < len(self._steps) else None

    def means(self) -> Tensor:
        """Return the means, (M,)."""
        assert self.sums is not None
        return self.sums / self.count

    def restart(self) -> None:
        """Begin anew, in the same memory."""
        for tensor in self.tensors():
            tensor.zero_()
        self.count = 0
        self._steps.clear()

    def state(self) -> dict[str, Any]:
        """Return what a resumed run goes on with."""
        return {"sums": self.sums, "count": self.count}

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from ``state``."""
        self.count, sums = state["count"], state["sums"]
        self.sums = None if sums is None else sums.to(device)
        self.finite = None if sums is None else torch.tensor(self.count, device=device)
