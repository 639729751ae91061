"""Averaged weights: how fast the first ones are forgotten, and what is not averaged."""

from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from vae_lab.training.callbacks.averaged_weights import AveragedWeights, shown_weights


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("variance", torch.ones(()))


def averaging(module, decay, values):
    """Return the callback after one step to each of ``values``, by weight and buffer alike."""
    callback = AveragedWeights(decay)
    callback.setup(None, module, "fit")
    for step, value in enumerate(values, start=1):
        module.weight.data.fill_(value)
        module.variance.fill_(value)
        callback.update(SimpleNamespace(global_step=step), module)
    return callback


def test_the_decay_grows_with_the_steps_up_to_its_limit():
    values, decay = [5.0, 1.0, 2.0, -1.0, 4.0], 0.3
    expected = values[0]
    for step, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + step) / (10 + step))
        expected = d * expected + (1 - d) * value
    module = Module()
    callback = averaging(module, decay, values)
    with shown_weights(SimpleNamespace(callbacks=[callback]), module):
        torch.testing.assert_close(module.weight.item(), expected)
    assert module.weight == values[-1]


def test_what_was_fitted_is_copied_and_not_averaged():
    module = Module()
    with averaging(module, 0.99, [1.0, 0.5, 0.25]).swapped_in(module):
        assert module.variance == 0.25
        assert module.weight > 0.25


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"decay must be .*\[0, 1\), got"):
        AveragedWeights(decay)
