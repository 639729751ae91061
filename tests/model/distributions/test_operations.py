"""Priors with less noise: what a temperature does to each."""

import math

import pytest
import torch
from monte_carlo import assert_mean_is
from quadrature import integrate_plane
from torch.distributions import Independent, MultivariateNormal, Normal
from zuko.flows import MAF

from vae_lab.model.distributions import (
    FullGaussianMixture,
    GaussianMixture,
    Rescaled,
    StandardGaussian,
    UniformSphere,
    tempered,
)

MEANS = torch.tensor([[-3.0, 0.0], [1.0, 2.0], [4.0, -1.0]], dtype=torch.float64)
LOG_SCALES = torch.tensor([[0.1, -0.5], [-1.0, 0.0], [0.3, 0.2]], dtype=torch.float64)
LOG_WEIGHTS = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()


def standard():
    return StandardGaussian(torch.zeros(2, dtype=torch.float64))


def mixture():
    return GaussianMixture(MEANS, LOG_SCALES, LOG_WEIGHTS)


def flow():
    torch.manual_seed(0)
    module = MAF(features=2, transforms=2, hidden_features=[8], activation=torch.nn.Tanh).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module()


def full_mixture():
    couplings = torch.tensor([0.8, -1.5, 0.3], dtype=torch.float64)[:, None, None]
    couplings = couplings * torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    return FullGaussianMixture(MEANS, LOG_SCALES, couplings, LOG_WEIGHTS)


def rescaled():
    return Rescaled(flow(), *torch.tensor([[1.0, -2.0], [0.5, 1.5]], dtype=torch.float64))


PRIORS = pytest.mark.parametrize("prior", [standard, mixture, full_mixture, flow, rescaled])


@PRIORS
def test_temperature_one_changes_nothing(prior):
    p = prior()
    assert tempered(p, 1.0) is p


@PRIORS
@pytest.mark.parametrize("temperature", [0.5, 1.7])
@torch.no_grad()
def test_a_tempered_prior_is_a_density_that_has_its_samples(prior, temperature):
    p = tempered(prior(), temperature)
    total = integrate_plane(p.log_prob, half_width=20.0, num_points=401)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-5, atol=0)
    torch.manual_seed(1)
    positive = p.sample((20_000,)) + 100  # far from zero, so that means have logarithms
    expected = [
        integrate_plane(lambda z, d=d: p.log_prob(z) + (z[:, d] + 100).log(), 20.0, 401)
        for d in (0, 1)
    ]
    assert_mean_is(positive, torch.stack(expected))


@pytest.mark.parametrize("temperature", [0.0, 0.3, 2.0])
def test_a_standard_normal_is_scaled(temperature):
    torch.manual_seed(0)
    samples = tempered(standard(), temperature).sample((5,))
    torch.manual_seed(0)
    torch.testing.assert_close(samples, temperature * standard().sample((5,)))


def test_every_component_narrows_around_its_own_mean_and_keeps_its_weight():
    p = tempered(mixture(), 0.5)
    assert torch.equal(p.means, MEANS)
    assert torch.equal(p.log_weights, LOG_WEIGHTS)
    torch.testing.assert_close(p.log_scales, LOG_SCALES - math.log(2))


def test_without_noise_a_mixture_leaves_the_means_of_its_components():
    torch.manual_seed(0)
    samples = tempered(mixture(), 0.0).sample((20_000,))
    visits = (samples[:, None] == MEANS).all(-1).double()
    assert (visits.sum(1) == 1).all()
    assert_mean_is(visits, LOG_WEIGHTS.exp())


@torch.no_grad()
def test_a_flow_narrows_before_its_transform():
    p = flow()
    torch.manual_seed(1)
    samples = tempered(p, 0.7).sample((5,))
    torch.manual_seed(1)
    noise = torch.randn(5, 2, dtype=torch.float64)
    torch.testing.assert_close(samples, p.transform.inv(0.7 * noise))
    origin = p.transform.inv(torch.zeros(5, 2, dtype=torch.float64))
    torch.testing.assert_close(tempered(p, 0.0).sample((5,)), origin)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_what_is_no_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match="a finite number of at least 0"):
        tempered(standard(), temperature)


def test_a_prior_without_a_rule_is_refused_but_at_temperature_one():
    p = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    assert tempered(p, 1.0) is p
    with pytest.raises(ValueError, match="not defined for a prior that is a Independent"):
        tempered(p, 0.5)


def test_a_uniform_distribution_has_no_temperature():
    p = UniformSphere(torch.zeros(3))
    assert tempered(p, 1.0) is p
    with pytest.raises(ValueError, match="has no temperature but 1"):
        tempered(p, 0.5)


def test_a_full_mixture_is_a_mixture_of_normals_and_without_couplings_the_diagonal_one():
    p, z = full_mixture(), torch.randn(4, 5, 2, dtype=torch.float64)
    factors = torch.linalg.inv(torch.eye(2).double() + p.couplings)
    factors = p.log_scales.exp()[..., None] * factors
    components = MultivariateNormal(p.means, factors @ factors.mT)
    expected = (components.log_prob(z[..., None, :]) + p.log_weights).logsumexp(-1)
    torch.testing.assert_close(p.log_prob(z), expected)
    uncoupled = FullGaussianMixture(MEANS, LOG_SCALES, 0 * p.couplings, LOG_WEIGHTS)
    torch.testing.assert_close(uncoupled.log_prob(z), mixture().log_prob(z))
