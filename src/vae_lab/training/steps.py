"""How this training takes its steps: directly or through Lightning, called or captured."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from vae_lab.training import capture
from vae_lab.training.capture import Captured, Graphs, tell_why_not
from vae_lab.training.feed import Feed
from vae_lab.training.numbers import Numbers, Rates, is_capturable
from vae_lab.training.step import Called, Examples, Executor, Judge, Step, Updates
from vae_lab.training.updates import Direct, ThroughLightning, who_looks

if TYPE_CHECKING:
    from vae_lab.training.module import VAEModule


@dataclass(frozen=True)
class Steps:
    """What takes the steps of a training.

    Attributes:
        executor: takes a batch.
        step: what it calls or has captured.
        is_raw: whether it takes batches as they are fetched, and not as examples.
        watches: whether the running means watch for losses that are not finite.
        made_for: the optimiser and the callbacks that it was made for.
    """

    executor: Executor
    step: Step
    is_raw: bool
    watches: bool
    made_for: tuple[object, object]

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the bound's parts."""
        return self.step.parts

    @property
    def updates(self) -> Updates:
        """How gradients become new weights."""
        return self.step.updates


def steps_of(
    module: "VAEModule",
    own: type[pl.LightningModule],
    judge: Judge,
    feed: Feed | None,
    made_for: tuple[object, object],
) -> Steps:
    """Return what takes the steps of ``module``, which is in the middle of ``fit``.

    Args:
        module: what is trained.
        own: its class, without those that others have derived from it.
        judge: what the objective says of examples.
        feed: gives batches, where Lightning's hooks around them are not used.
        made_for: the optimiser and the callbacks.
    """
    device, accumulate = module.device, module.stepping.accumulate_grad_batches
    optimizer = module.optimizers(use_pl_optimizer=False)
    assert isinstance(optimizer, Optimizer)
    who = who_looks(module.trainer, own)
    graphs = _graphs(module, optimizer, who or _who_brings_labels(module, feed))
    dtype = torch.float64 if module.dtype == torch.float64 else torch.float32
    has_numbers = graphs is not None or module.compiles or device.type == "cuda"
    numbers = Numbers(dtype, device) if has_numbers else None
    rates, updates = None, ThroughLightning(module)
    if who is None:
        # tensors on a GPU where steps are called too, so that captured ones do the same to the bit
        if graphs is not None or (device.type == "cuda" and is_capturable(optimizer)):
            rates = Rates(optimizer, device)
        clips = module.stepping.gradient_clip_val is not None
        clip = partial(module.on_before_optimizer_step, optimizer) if clips else None
        holds = graphs is not None and accumulate > 1
        updates = Direct(optimizer, clip, module.execution.count_step, rates, holds)
    step = Step(judge, updates, accumulate)
    if graphs is None or rates is None or numbers is None or isinstance(updates, ThroughLightning):
        watches = device.type != "cpu"  # there, looking at every step would mean waiting
        executor = Called(step, module.running, numbers, rates, watches)
        return Steps(executor, step, is_raw=False, watches=watches, made_for=made_for)

    def prepare(batch: Tensor) -> Examples:
        images, labels = (batch, None) if feed is None else feed.examples(batch)
        return images.to(module.dtype), labels

    averages = [partial(average.take_in, module) for average in module.averages]
    state = partial(_state, module, optimizer)
    executor = Captured(
        step, prepare, updates, rates, numbers, module.running, averages, state, graphs
    )
    return Steps(executor, step, is_raw=True, watches=True, made_for=made_for)


def _who_brings_labels(module: "VAEModule", feed: Feed | None) -> str | None:
    """Return what brings labels that a recording could not read; None if nothing does."""
    return "labels come from the host" if feed is None and module.learns_labels else None


def _graphs(module: "VAEModule", optimizer: Optimizer, who: str | None) -> Graphs | None:
    """Return what captures the steps; say why, if they cannot be captured on a GPU."""
    if module.stepping.cuda_graphs is False or module.execution.takes_one:
        return None
    graphs = capture.graphs_on(module.device)
    if graphs is None:
        return None
    if who is None and is_capturable(optimizer):
        return graphs
    tell_why_not(who or f"{type(optimizer).__name__} has no capturable")
    return None


def _state(module: "VAEModule", optimizer: Optimizer) -> list[Tensor]:
    """Return the weights, buffers and averages of a module, and what its optimiser remembers."""
    remembered = [state.values() for state in optimizer.state.values()]
    return [
        *(parameter.data for parameter in module.parameters()),
        *module.buffers(),
        *(value for values in remembered for value in values if isinstance(value, Tensor)),
        *(tensor for average in module.averages for tensor in average.tensors()),
    ]
