"""What Lightning does for nothing at every call of ``training_step``, and at every step, left out.

The calls matter where steps are taken one by one: on several processes, or with
``steps_per_execution=1``. A figure with an error is a median ± its standard error over 120 rounds
of two turns, 60 steps with the patch and 60 without, of a network that takes 3.4 ms a step; one
thread, Lightning 2.6.6.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.profilers import PassThroughProfiler
from torch import Tensor

NOTHING = nullcontext()


class UncheckedHookName:
    """Makes a LightningModule note the name of the running hook without the checks of torch.

    Lightning sets ``_current_fx_name`` about 40 times a step, and ``nn.Module`` asks each time
    whether it is a parameter, a module or a buffer. Saves 124 ± 23 µs a step.
    """

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Set an attribute."""
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


def forget_nvml() -> None:
    """Let torch ask CUDA itself whether it is there, where training needs no GPU.

    Lightning has it ask NVIDIA's management library, and Adam asks at every step: 54 µs in place of
    2 µs where there is no GPU.
    """
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)


def log_now(trainer: pl.Trainer, metrics: Mapping[str, Tensor]) -> None:
    """Log numbers of the step in progress that are means already, over all processes.

    ``LightningModule.log`` makes a metric of torchmetrics for every name whenever it logs, to take
    means that nobody needs here. 0.3 ms a logging step in place of 2.9 ms: best of 180 turns of
    each, six metrics, TensorBoard and CSV.

    Args:
        trainer: in the middle of a training step.
        metrics: each ().
    """
    connector = cast(Any, trainer)._logger_connector
    for known in (connector._callback_metrics, connector._logged_metrics):
        known.update(metrics)
    connector.log_metrics(dict(metrics))


class QuietProfiler(PassThroughProfiler):
    """Profiles nothing, as Lightning's default, but without a generator around every hook.

    Lightning profiles 50 hooks a step. Saves 129 ± 34 µs a step.
    """

    def profile(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, action_name: str
    ) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return NOTHING
