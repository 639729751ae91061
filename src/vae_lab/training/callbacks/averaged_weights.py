"""An exponential moving average of the weights."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

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

    def update(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take in the weights of the step that was just taken."""
        super().on_train_batch_end(trainer, pl_module, None, None, 0)

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


def shown_weights(
    trainer: pl.Trainer, pl_module: pl.LightningModule
) -> AbstractContextManager[None]:
    """Return a context in which the model has the weights that are shown and scored."""
    callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    averaged = [c for c in callbacks if isinstance(c, AveragedWeights)]
    return averaged[0].swapped_in(pl_module) if averaged else nullcontext()
