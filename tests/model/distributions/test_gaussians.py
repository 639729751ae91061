"""Our own normal distributions equal torch's."""

import pytest
import torch
from gradients import gradient_of
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae_lab.model.distributions import (
    DiagonalGaussian,
    GaussianMixture,
    StandardGaussian,
    kl_per_dim,
    rsample_and_log_prob,
)


@pytest.fixture
def pair():
    """A diagonal normal, batch (5,), event (3,), and torch's equal of it."""
    torch.manual_seed(0)
    mean, log_scale = torch.randn(2, 5, 3, dtype=torch.float64)
    return DiagonalGaussian(mean, log_scale), Independent(Normal(mean, log_scale.exp()), 1)


def test_a_diagonal_gaussian_has_torchs_moments_and_density(pair):
    ours, theirs = pair
    value = torch.randn(7, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(value), theirs.log_prob(value))
    for moment in ("mean", "stddev", "variance"):
        torch.testing.assert_close(getattr(ours, moment), getattr(theirs, moment))
    assert (ours.batch_shape, ours.event_shape) == (theirs.batch_shape, theirs.event_shape)


def test_a_diagonal_gaussian_draws_what_torch_draws(pair):
    draws = []
    for distribution in pair:
        torch.manual_seed(1)
        draws.append(distribution.rsample((4,)))
    torch.testing.assert_close(*draws)


def test_the_log_density_per_dimension_is_that_of_each_coordinate_and_sums_to_the_whole(pair):
    ours, theirs = pair
    value = torch.randn(7, 5, 3, dtype=torch.float64)
    per_dim = ours.log_prob_per_dim(value)
    torch.testing.assert_close(per_dim, theirs.base_dist.log_prob(value))
    torch.testing.assert_close(per_dim.sum(-1), ours.log_prob(value))


def test_every_sample_can_be_scored_under_every_image(pair):
    ours = pair[0]
    value = torch.randn(7, 5, 1, 3, dtype=torch.float64)
    per_dim = ours.log_prob_per_dim(value)
    assert per_dim.shape == (7, 5, 5, 3)
    single = DiagonalGaussian(ours.mean[2], ours.log_scale[2])
    torch.testing.assert_close(per_dim[:, 4, 2], single.log_prob_per_dim(value[:, 4, 0]))


def test_samples_come_with_their_log_densities(pair):
    ours = pair[0]
    torch.manual_seed(1)
    z, log_prob = ours.rsample_and_log_prob((4,))
    torch.manual_seed(1)
    torch.testing.assert_close(z, ours.rsample((4,)), rtol=0, atol=0)
    torch.testing.assert_close(log_prob, ours.log_prob(z))


def test_log_densities_drawn_with_the_samples_have_the_gradients_of_those_asked_for_later():
    torch.manual_seed(0)
    parameters = [torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    z, together = DiagonalGaussian(*parameters).rsample_and_log_prob((4,))
    later = DiagonalGaussian(*parameters).log_prob(z)
    gradients = [gradient_of(each.square().sum(), parameters) for each in (together, later)]
    torch.testing.assert_close(*gradients)


def test_a_distribution_that_cannot_score_its_own_samples_at_once_is_asked_twice():
    torch.manual_seed(0)
    q = MultivariateNormal(torch.randn(5, 3).double(), torch.eye(3).double())
    z, log_prob = rsample_and_log_prob(q, 4)
    assert z.shape == (4, 5, 3)
    torch.testing.assert_close(log_prob, q.log_prob(z))


def test_a_standard_gaussian_has_torchs_density():
    torch.manual_seed(0)
    origin = torch.zeros(3, dtype=torch.float64)
    theirs = Independent(Normal(origin, torch.ones_like(origin)), 1)
    value = torch.randn(7, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(StandardGaussian(origin).log_prob(value), theirs.log_prob(value))


def test_the_kl_is_torchs_in_value_and_gradient():
    torch.manual_seed(0)
    mean, log_scale = (torch.randn(5, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
    p = Normal(torch.zeros(3, dtype=torch.float64), 1.0)
    theirs = kl_divergence(Normal(mean, log_scale.exp()), p)
    ours = kl_per_dim(DiagonalGaussian(mean, log_scale), StandardGaussian(p.loc))
    assert ours is not None
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(kl.sum(), (mean, log_scale)) for kl in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_the_kl_from_a_mixture_has_no_formula(pair):
    p = GaussianMixture(torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1))
    assert kl_per_dim(pair[0], p) is None
