"""Unit vectors: densities on the sphere, and samples whose gradients are those of the mean."""

import math

import pytest
import torch
from monte_carlo import assert_mean_is
from torch.nn.functional import normalize

from vae_lab.model.distributions import PowerSpherical, UniformSphere, closed_kl
from vae_lab.model.posteriors import SphericalPosterior
from vae_lab.model.priors import UniformSpherePrior


def directions(count, dim):
    """Return unit vectors, both ends of the first axis among them."""
    torch.manual_seed(0)
    mu = normalize(torch.randn(count, dim, dtype=torch.float64), dim=-1)
    mu[:2] = 0
    mu[0, 0], mu[1, 0] = 1, -1
    return mu


def power_spherical(dim, kappa, count=4):
    mu = directions(count, dim)
    return PowerSpherical(mu, mu.new_full((count,), kappa))


@pytest.mark.parametrize("kappa", [0.0, 0.5, 30.0])
def test_on_the_circle_and_the_globe_a_density_integrates_to_one(kappa):
    angles = torch.arange(2000, dtype=torch.float64) * 2 * math.pi / 2000
    circle = torch.stack([angles.cos(), angles.sin()], 1)[:, None]
    mean_density = power_spherical(2, kappa).log_prob(circle).exp().mean(0)
    torch.testing.assert_close(2 * math.pi * mean_density, torch.ones(4).double())
    # Archimedes: heights and longitudes that are spread evenly cover the globe evenly
    heights = (torch.arange(2000, dtype=torch.float64) + 0.5) / 1000 - 1
    height, angle = torch.meshgrid(heights, angles[::20], indexing="ij")
    ring = (1 - height.square()).sqrt()
    globe = torch.stack([ring * angle.cos(), ring * angle.sin(), height], -1).reshape(-1, 1, 3)
    mean_density = power_spherical(3, kappa).log_prob(globe).exp().mean(0)
    torch.testing.assert_close(
        4 * math.pi * mean_density, torch.ones(4).double(), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("dim", [2, 3, 64])
def test_samples_have_the_density_the_mean_and_the_kl_that_formulas_say(dim):
    q, p = power_spherical(dim, 20.0), UniformSphere(torch.zeros(dim, dtype=torch.float64))
    torch.manual_seed(1)
    z, log_densities = q.rsample_and_log_prob((20_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(20_000, 4).double())
    torch.testing.assert_close(log_densities, q.log_prob(z))
    assert_mean_is(log_densities - p.log_prob(z), closed_kl(q, p))
    assert_mean_is(-log_densities, q.entropy())
    assert_mean_is((z * q.mean).sum(-1), torch.full((4,), 20 / (dim - 1 + 20)).double())


@pytest.mark.parametrize("dim", [2, 3, 64])
def test_without_concentration_it_is_the_prior(dim):
    q, p = power_spherical(dim, 0.0), UniformSpherePrior(dim)(None)
    z = normalize(torch.randn(5, 4, dim, dtype=torch.float64), dim=-1)
    torch.testing.assert_close(q.log_prob(z), p.log_prob(z))
    torch.testing.assert_close(q.kl_from_uniform(), torch.zeros(4).double())
    torch.manual_seed(0)
    assert_mean_is(q.sample((20_000,)).mean(1), torch.zeros(dim).double())


@pytest.mark.parametrize("kappa", [1.0, 1e3, 1e6])
def test_single_precision_is_enough(kappa):
    exact = power_spherical(64, kappa)
    q = PowerSpherical(exact.mean.float(), exact.concentration.float())
    z, log_densities = q.rsample_and_log_prob((2000,))
    exact_densities = exact.log_prob(normalize(z.double(), dim=-1))
    for found in (log_densities, q.log_prob(z)):
        torch.testing.assert_close(found.double(), exact_densities, rtol=1e-5, atol=2e-3)
    torch.testing.assert_close(
        q.kl_from_uniform().double(), exact.kl_from_uniform(), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("dim", [2, 3, 20])
def test_gradients_of_samples_are_those_of_their_mean(dim):
    parameters = torch.cat([directions(3, dim), torch.full((3, 1), 2.0).double()], -1)
    target = torch.linspace(-1, 1, dim, dtype=torch.float64)

    def gradients(count, repeats):
        leaf = parameters.expand(repeats, 3, dim + 1).clone().requires_grad_()
        values = SphericalPosterior(dim)(leaf).rsample((count,)) @ target
        return torch.autograd.grad(values.mean(0).sum(), leaf)[0]

    leaf = parameters.clone().requires_grad_()
    q = SphericalPosterior(dim)(leaf)
    share = q.concentration / (dim - 1 + q.concentration)
    expected = torch.autograd.grad((share * (q.mean @ target)).sum(), leaf)[0]
    torch.manual_seed(0)
    somewhere = torch.randn(dim + 1, dtype=torch.float64)  # along μ itself there is none
    assert_mean_is(gradients(100, 200) @ somewhere, expected @ somewhere)


def test_the_posterior_reads_a_direction_and_a_concentration_above_one():
    q = SphericalPosterior(2)(torch.tensor([[3.0, 4.0, -50.0], [0.0, -2.0, 5.0]]))
    torch.testing.assert_close(q.mean, torch.tensor([[0.6, 0.8], [0.0, -1.0]]))
    torch.testing.assert_close(q.concentration, torch.tensor([1.0, 6.006715]))


@pytest.mark.parametrize("part", [SphericalPosterior, UniformSpherePrior])
def test_two_points_are_no_sphere(part):
    with pytest.raises(ValueError, match="latent_dim of at least 2"):
        part(1)
