"""Priors: () → p(z)."""

import math

import pytest
import torch

from monte_carlo import assert_mean_is
from vae_lab.priors import StandardNormal


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_standard_normal_has_one_event_of_latent_dim(latent_dim):
    p = StandardNormal(latent_dim)()
    assert p.batch_shape == ()
    assert p.event_shape == (latent_dim,)


def test_standard_normal_density_is_its_formula():
    torch.manual_seed(0)
    z = torch.randn(4, 5, 3, dtype=torch.float64)
    expected = -0.5 * z.square().sum(-1) - 1.5 * math.log(2 * math.pi)
    torch.testing.assert_close(StandardNormal(3).double()().log_prob(z), expected)


def test_standard_normal_samples_are_standard_and_uncorrelated():
    torch.manual_seed(0)
    z = StandardNormal(3)().sample((20_000,))
    assert_mean_is(z, 0.0)
    assert_mean_is(z[:, :, None] * z[:, None, :], torch.eye(3))


def test_standard_normal_follows_the_module_to_another_dtype():
    assert StandardNormal(2).double()().sample().dtype == torch.float64


def test_standard_normal_has_nothing_to_train_or_to_save():
    prior = StandardNormal(2)
    assert list(prior.parameters()) == []
    assert prior.state_dict() == {}
