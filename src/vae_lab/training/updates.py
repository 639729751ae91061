"""From gradients to new weights: directly, or through all that Lightning does around it.

Lightning calls hooks of callbacks, strategy and precision plugin around every ``zero_grad``,
``backward`` and ``step``. Where none of them does anything, the calls are left out.
"""

from collections.abc import Callable
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.trainer.call import _call_callback_hooks
from torch import Tensor
from torch.optim import Optimizer

from vae_lab.training.numbers import Rates

HOOKS = (
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
PLUGIN = ("pre_backward", "backward", "post_backward", "optimizer_step")


class ThroughLightning:
    """Every hook of Lightning is called.

    Args:
        module: in the middle of ``fit``.
    """

    def __init__(self, module: pl.LightningModule) -> None:
        self._module = module
        self._optimizer = cast(LightningOptimizer, module.optimizers())

    def begin(self) -> None:
        """Forget the gradients of the step before."""
        optimizer = self._optimizer.optimizer
        _call_callback_hooks(self._module.trainer, "on_before_zero_grad", optimizer)
        self._optimizer.zero_grad()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``."""
        self._module.manual_backward(loss)

    def end(self) -> None:
        """Take the step; the module clips in ``on_before_optimizer_step``."""
        self._optimizer.step()

    def note(self) -> None:
        """Do nothing: Lightning has counted the step."""


class Direct:
    """Calls torch.

    Args:
        optimizer: what takes the steps.
        clip: clips the gradients, if they are clipped.
        count: counts a step as Lightning does.
        rates: the learning rates as tensors, where they are.
        holds_gradients: whether gradients keep their memory, as captured steps need it that add to
            each other's.

    Attributes:
        held: the gradients that keep their memory.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        clip: Callable[[], None] | None,
        count: Callable[[], None],
        rates: Rates | None = None,
        holds_gradients: bool = False,
    ) -> None:
        self._optimizer = optimizer
        self._clip = clip
        self._count = count
        self._rates = rates
        self._weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        self.held = [torch.zeros_like(weight) for weight in self._weights if holds_gradients]

    def begin(self) -> None:
        """Forget the gradients of the step before."""
        if self.held:
            self.hold()
            torch._foreach_zero_(self.held)  # pyright: ignore[reportPrivateImportUsage]
            return
        for weight in self._weights:
            weight.grad = None

    def hold(self) -> None:
        """Let gradients lie where they keep their memory, whoever has freed them meanwhile."""
        if self.held:
            for weight, gradient in zip(self._weights, self.held, strict=True):
                weight.grad = gradient

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``."""
        loss.backward()

    def end(self) -> None:
        """Clip the gradients and follow them."""
        if self._clip is not None:
            self._clip()
        if self._rates is None:
            self._optimizer.step()
        else:
            with self._rates.swapped_in():
                self._optimizer.step()

    def note(self) -> None:
        """Count a step."""
        self._count()


def who_looks(trainer: pl.Trainer, own: type[pl.LightningModule]) -> str | None:
    """Return what acts between the parts of a step, so that Lightning has to be asked; else None.

    Args:
        trainer: in the middle of ``fit``.
        own: the class of the module whose hooks are known.
    """
    plugin, strategy = trainer.precision_plugin, trainer.strategy
    if type(strategy) is not SingleDeviceStrategy:
        return f"trainer.strategy is {type(strategy).__name__}"
    is_scaled = getattr(plugin, "scaler", None) is not None
    if is_scaled or any(_differs(plugin, name, Precision, MixedPrecision) for name in PLUGIN):
        return f"trainer.precision={trainer.precision} scales gradients"
    for callback in cast(Any, trainer).callbacks:
        if any(_differs(callback, hook, pl.Callback) for hook in HOOKS):
            return f"{type(callback).__name__} looks into every step"
    module = trainer.lightning_module
    if any(_differs(module, name, own) for name in (*HOOKS, "backward", "optimizer_step")):
        return f"{type(module).__name__} acts within every step"
    if not isinstance(trainer.profiler, PassThroughProfiler):  # pyright: ignore[reportAttributeAccessIssue]
        return "trainer.profiler times every step"
    return None


def _differs(one: object, name: str, *known: type) -> bool:
    return all(getattr(type(one), name) is not getattr(other, name) for other in known)
