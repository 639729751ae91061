"""An exponential moving average of the weights."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn

from vae_lab.checks import ShareBelowOne, checked


@checked
class AveragedWeights(WeightAveraging):
    """Validates, tests and shows the model with averaged weights w̄ ← d w̄ + (1 − d) w.

    At step t the decay is d_t = min(d, (1 + t) / (10 + t)), so that the first weights, which are
    random, are soon forgotten. Buffers, such as a running variance, are copied: they are averages
    already.

    Args:
        decay: d, in [0, 1).

    Raises:
        ValueError: if ``decay`` is outside its range.
    """

    def __init__(self, decay: ShareBelowOne) -> None:
        super().__init__(use_buffers=False, avg_fn=self._average)
        self.decay = decay

    def _average(self, average: Tensor, current: Tensor, steps: Tensor) -> Tensor:
        decay = ((1 + steps) / (10 + steps)).clamp_max(self.decay)
        return average.lerp(current, 1 - decay.to(average))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move the averages, which Lightning made before the weights lay on their device."""
        assert self._average_model is not None
        self._average_model.to(pl_module.device)

    def update(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, is_taken_in: bool = False
    ) -> None:
        """Take in the weights of the step that was just taken, unless that is done."""
        if not self._latest_update_step:  # the first are copied
            super().on_train_batch_end(trainer, pl_module, None, None, 0)
            return
        if not is_taken_in:
            self.take_in(pl_module)
        self._latest_update_step = trainer.global_step

    @torch.no_grad()
    def take_in(self, pl_module: pl.LightningModule) -> None:
        """Average weights with those before, as torch's AveragedModel does, without the host."""
        model = self._average_model
        assert model is not None
        for average, current in zip(model.parameters(), pl_module.parameters(), strict=True):
            average.copy_(self._average(average, current, model.n_averaged))
        for average, current in zip(model.module.buffers(), pl_module.buffers(), strict=True):
            average.copy_(current)
        model.n_averaged.add_(1)

    def tensors(self) -> list[Tensor]:
        """Return what ``take_in`` changes."""
        return [] if self._average_model is None else list(_tensors_of(self._average_model))

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Do nothing: a batch is not a step, and many may end here at once."""

    @contextmanager
    def swapped_in(self, pl_module: pl.LightningModule) -> Iterator[None]:
        """Give the model its averaged weights for a while."""
        self._swap_models(pl_module)
        try:
            yield
        finally:
            self._swap_models(pl_module)


def _tensors_of(module: nn.Module) -> Iterator[Tensor]:
    yield from (parameter.data for parameter in module.parameters())
    yield from module.buffers()


def shown_weights(
    trainer: pl.Trainer, pl_module: pl.LightningModule
) -> AbstractContextManager[None]:
    """Return a context in which the model has the weights that are shown and scored."""
    callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    averaged = [c for c in callbacks if isinstance(c, AveragedWeights)]
    return averaged[0].swapped_in(pl_module) if averaged else nullcontext()
