"""Posteriors: parameters to distributions, and the point mass that admits no bound."""

from functools import partial

import pytest
import torch
from monte_carlo import assert_mean_is
from torch.distributions import MultivariateNormal

from vae_lab.model.distributions import Delta, kl_per_dim
from vae_lab.model.posteriors import Deterministic, DiagonalNormal
from vae_lab.model.priors import StandardNormal

normal = partial(DiagonalNormal, log_scale_range=None)


@pytest.mark.parametrize("kind", [normal, Deterministic])
@pytest.mark.parametrize("latent_dim", [1, 3])
def test_parameters_become_one_distribution_per_image(kind, latent_dim):
    posterior = kind(latent_dim)
    q = posterior(torch.zeros(5, posterior.num_parameters))
    assert q.batch_shape == (5,)
    assert q.event_shape == (latent_dim,)
    assert q.rsample((2,)).shape == (2, 5, latent_dim)


@pytest.mark.parametrize("kind", [normal, Deterministic])
def test_samples_carry_gradients_to_the_parameters(kind):
    torch.manual_seed(0)
    posterior = kind(2)
    parameters = torch.randn(5, posterior.num_parameters, requires_grad=True)
    posterior(parameters).rsample((3,)).square().sum().backward()
    assert (parameters.grad != 0).all()


def test_diagonal_normal_reads_means_and_then_log_scales():
    q = normal(2)(torch.tensor([[1.0, -2.0, 0.0, 0.5]]))
    torch.testing.assert_close(q.mean, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.stddev, torch.tensor([[0.0, 0.5]]).exp())


def test_diagonal_normal_is_a_multivariate_normal_of_diagonal_covariance():
    torch.manual_seed(0)
    parameters, z = torch.randn(5, 6).double(), torch.randn(4, 5, 3).double()
    mean, log_scale = parameters.chunk(2, dim=-1)
    expected = MultivariateNormal(mean, torch.diag_embed((2 * log_scale).exp())).log_prob(z)
    torch.testing.assert_close(normal(3)(parameters).log_prob(z), expected)


def test_diagonal_normal_has_no_limits_unless_asked_for():
    q = normal(1)(torch.tensor([[0.0, -30.0], [0.0, 30.0]]))
    torch.testing.assert_close(q.log_scale, torch.tensor([[-30.0], [30.0]]))


def test_diagonal_normal_holds_log_scales_and_no_means_within_their_limits():
    parameters = torch.tensor([[-9.0, 9.0, -9.0, 9.0], [0.0, 0.0, -3.0, 0.5]])
    q = DiagonalNormal(2, log_scale_range=(-3.0, 1.0))(parameters)
    torch.testing.assert_close(q.mean, parameters[:, :2])
    torch.testing.assert_close(q.log_scale, torch.tensor([[-3.0, 1.0], [-3.0, 0.5]]))
    torch.testing.assert_close(q.stddev, q.log_scale.exp())


def test_diagonal_normal_has_no_gradient_beyond_a_limit():
    parameters = torch.tensor([[0.0, 0.0, -9.0, 0.5]], requires_grad=True)
    DiagonalNormal(2, log_scale_range=(-3.0, 1.0))(parameters).stddev.sum().backward()
    assert (parameters.grad[0, 2:] != 0).tolist() == [False, True]


def test_diagonal_normal_samples_have_its_mean_and_variance():
    torch.manual_seed(0)
    q = normal(2)(torch.randn(3, 4))
    samples = q.sample((20_000,))
    assert_mean_is(samples, q.mean)
    assert_mean_is((samples - q.mean).square(), q.variance)


def test_diagonal_normal_closed_form_kl_is_the_mean_of_the_log_ratio():
    torch.manual_seed(0)
    q, p = normal(2)(torch.randn(3, 4)), StandardNormal(2)(None)
    z = q.sample((20_000,))
    assert_mean_is(q.log_prob(z) - p.log_prob(z), kl_per_dim(q, p).sum(-1))


def test_diagonal_normal_with_zero_parameters_is_the_prior():
    torch.manual_seed(0)
    z = torch.randn(4, 1, 2)
    q, p = normal(2)(torch.zeros(1, 4)), StandardNormal(2)(None)
    torch.testing.assert_close(q.log_prob(z), p.log_prob(z))


def test_every_sample_of_a_point_mass_is_the_point():
    point = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    q = Deterministic(2)(point)
    torch.testing.assert_close(q.mean, point)
    torch.testing.assert_close(q.stddev, torch.zeros(2, 2))
    torch.testing.assert_close(q.sample((3,)), point.expand(3, 2, 2))


def test_a_point_mass_has_infinite_density_at_its_point_and_none_elsewhere():
    q = Delta(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    log_prob = q.log_prob(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    assert log_prob.tolist() == [torch.inf, -torch.inf]
