"""The mixture of posteriors, beside what each of them says."""

import math

import pytest
import torch

from vae_lab.model.distributions import (
    ChosenCodes,
    DiagonalGaussian,
    OneHotCodes,
    PowerSpherical,
    aggregate,
    rsample_and_log_prob,
)

COUNT = 40


def posteriors(kind):
    """Return posteriors of so many images, in float64."""
    torch.manual_seed(0)
    numbers = torch.randn(COUNT, 6, dtype=torch.float64)
    match kind:
        case "normal":
            return DiagonalGaussian(*numbers.chunk(2, dim=-1))
        case "sphere":
            directions = torch.nn.functional.normalize(numbers[:, :5], dim=-1)
            return PowerSpherical(directions, 100 * numbers[:, 5].square())
        case "categorical":
            return OneHotCodes((2 * numbers).unflatten(-1, (2, 3)).log_softmax(-1))
    return ChosenCodes((numbers[:, :2] / 2).round(), units=2)


@pytest.mark.parametrize("kind", ["normal", "sphere", "categorical", "chosen"])
def test_it_is_the_mean_of_all_that_are_chosen(kind):
    q, chosen = posteriors(kind), torch.arange(COUNT) % 3 > 0
    z = rsample_and_log_prob(q, 1)[0][0][chosen]
    each = q.log_prob(z[:, None])[:, chosen]  # of every point under every posterior
    mixture = aggregate([q], chosen, torch.float64)
    assert mixture is not None
    assert mixture.event_shape == z.shape[1:]
    expected = each.logsumexp(-1) - math.log(int(chosen.sum()))
    torch.testing.assert_close(mixture.log_prob(z), expected)
