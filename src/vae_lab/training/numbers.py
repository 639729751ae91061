"""Numbers that follow a schedule, as tensors on the device.

A captured step reads the memory that it was captured with; a number of Python is frozen in it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim import Optimizer


class Filled:
    """A number on the device; it is filled when it changes, and only then.

    Args:
        value: at first.
        dtype: of the tensor.
        device: of the tensor.

    Attributes:
        tensor: the number, ().
    """

    def __init__(self, value: float, dtype: torch.dtype, device: torch.device) -> None:
        self.tensor = torch.tensor(value, dtype=dtype, device=device)
        self._value = value

    def fill(self, value: float) -> None:
        """Set the number."""
        if value != self._value:
            self.tensor.fill_(value)
            self._value = value


class Numbers:
    """Named numbers on the device.

    Args:
        dtype: in which they are computed with.
        device: where.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype = dtype
        self._device = device
        self._filled: dict[str, Filled] = {}

    def __call__(self, values: Mapping[str, float]) -> dict[str, Tensor]:
        """Set the numbers; return their tensors, which are the same ones at every call."""
        for name, value in values.items():
            if name not in self._filled:
                self._filled[name] = Filled(value, self._dtype, self._device)
            self._filled[name].fill(value)
        return {name: self._filled[name].tensor for name in values}


class Rates:
    """Learning rates that are tensors to the optimiser, and numbers to everybody else.

    Args:
        optimizer: whose learning rates they are.
        device: of its weights. A GPU keeps them in float32; a processor reads float64, as it does
            with a number of Python.

    Raises:
        ValueError: if the optimiser cannot be captured.
    """

    def __init__(self, optimizer: Optimizer, device: torch.device) -> None:
        self._optimizer = optimizer
        is_cpu = device.type == "cpu"
        dtype = torch.float64 if is_cpu else torch.float32
        if not is_capturable(optimizer):
            raise ValueError(f"{type(optimizer).__name__} has no capturable")
        self._filled = [Filled(group["lr"], dtype, device) for group in optimizer.param_groups]
        self._flags = {} if is_cpu else {"capturable": True}
        # torch advises against capturable=True where a step is called
        optimizer._warned_capturable_if_run_uncaptured = True  # pyright: ignore[reportAttributeAccessIssue]
        for state in optimizer.state.values():  # of a run that is resumed
            if not is_cpu and isinstance(state.get("step"), Tensor):
                state["step"] = state["step"].to(device, torch.float32)

    def fill(self) -> None:
        """Take over the numbers that the schedule has set."""
        for filled, group in zip(self._filled, self._optimizer.param_groups, strict=True):
            filled.fill(group["lr"])

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Give the optimiser the tensors for a while."""
        groups = self._optimizer.param_groups
        before = [{key: group[key] for key in ("lr", *self._flags)} for group in groups]
        for group, filled in zip(groups, self._filled, strict=True):
            group.update(self._flags, lr=filled.tensor)
        try:
            yield
        finally:
            for group, values in zip(groups, before, strict=True):
                group.update(values)


def is_capturable(optimizer: Optimizer) -> bool:
    """Tell whether the optimiser can take steps without the host."""
    return all("capturable" in group for group in optimizer.param_groups)
