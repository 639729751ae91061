"""The mixture of normals, whose squares are multiplied out, equals torch's, which loops."""

import math

import pytest
import torch
from gradients import gradient_of
from monte_carlo import assert_mean_is
from quadrature import integrate_plane
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_lab.model.distributions import GaussianMixture, StandardGaussian

COMPONENTS = 4


def parameters_of(latent_dim, dtype=torch.float64):
    """Return means, log scales and log weights, all different."""
    torch.manual_seed(0)
    means = 2 * torch.randn(COMPONENTS, latent_dim, dtype=dtype)
    log_scales = 0.5 * torch.randn(COMPONENTS, latent_dim, dtype=dtype)
    return means, log_scales, torch.randn(COMPONENTS, dtype=dtype).log_softmax(-1)


def torchs(means, log_scales, log_weights):
    components = Independent(Normal(means, log_scales.exp()), 1)
    return MixtureSameFamily(Categorical(logits=log_weights), components)


@pytest.fixture
def pair():
    """A mixture of four normals in three dimensions, and torch's equal of it."""
    parameters = parameters_of(3)
    return GaussianMixture(*parameters), torchs(*parameters)


def test_it_has_torchs_density_moments_and_shapes(pair):
    ours, theirs = pair
    value = 3 * torch.randn(7, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(value), theirs.log_prob(value))
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.variance, theirs.variance)
    assert (ours.batch_shape, ours.event_shape) == (theirs.batch_shape, theirs.event_shape)


def test_its_log_density_has_torchs_gradients():
    leaves = [parameter.requires_grad_() for parameter in parameters_of(3)]
    means, log_scales, logits = leaves
    value = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    ours, theirs = (
        gradient_of(
            mixture(means, log_scales, logits.log_softmax(-1)).log_prob(value).sum(),
            [value, *leaves],
        )
        for mixture in (GaussianMixture, torchs)
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("spread", "scale"), [(1.0, 1.0), (10.0, 0.05), (100.0, 0.05)])
def test_float32_loses_no_digits_to_narrow_components_far_apart(spread, scale):
    torch.manual_seed(0)
    means = spread * torch.randn(50, 40)
    log_scales = torch.full_like(means, math.log(scale))
    log_weights = torch.randn(50).log_softmax(-1)
    value = means + scale * torch.randn_like(means)
    leaves = [means.requires_grad_(), value.requires_grad_()]
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    single = GaussianMixture(means, log_scales, log_weights).log_prob(value)
    exact = torchs(doubles[0], log_scales.double(), log_weights.double()).log_prob(doubles[1])
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-6, atol=1e-5)
    gradients = gradient_of(single.sum(), leaves), gradient_of(exact.sum(), doubles)
    torch.testing.assert_close(gradients[0].double(), gradients[1], rtol=1e-5, atol=1e-4)


def test_it_stays_finite_far_from_every_component(pair):
    ours, theirs = pair
    value = torch.full((3,), 1e4, dtype=torch.float64)
    assert ours.log_prob(value) < -1e6
    torch.testing.assert_close(ours.log_prob(value), theirs.log_prob(value))


def test_it_integrates_to_one_over_the_plane():
    ours = GaussianMixture(*parameters_of(2))
    total = integrate_plane(ours.log_prob, half_width=20.0, num_points=801)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_its_samples_have_its_mean_and_second_moments(pair):
    ours = pair[0]
    z = ours.sample((20_000,))
    assert_mean_is(z, ours.mean)
    weights = ours.log_weights.exp()
    means, variances = ours.means, torch.diag_embed((2 * ours.log_scales).exp())
    second = weights[:, None, None] * (variances + means[:, :, None] * means[:, None, :])
    assert_mean_is(z[:, :, None] * z[:, None, :], second.sum(0))


def test_samples_visit_each_component_as_often_as_its_weight_says():
    weights = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    means = 100.0 * torch.arange(COMPONENTS, dtype=torch.float64)[:, None].expand(-1, 2)
    mixture = GaussianMixture(means, torch.zeros_like(means), weights.log())
    torch.manual_seed(0)
    nearest = (mixture.sample((20_000,))[:, :1] - means[:, 0]).abs().argmin(-1)
    assert_mean_is(torch.nn.functional.one_hot(nearest, COMPONENTS).double(), weights)


@pytest.mark.parametrize("shape", [(), (7,), (2, 3)])
def test_samples_have_the_shape_asked_for_and_no_gradients(shape):
    parameters = [parameter.requires_grad_() for parameter in parameters_of(3)]
    z = GaussianMixture(*parameters).sample(shape)
    assert z.shape == (*shape, 3)
    assert not z.requires_grad


def test_one_standard_component_is_the_standard_normal():
    torch.manual_seed(0)
    z = torch.randn(7, 5, 3, dtype=torch.float64)
    zeros = torch.zeros(1, 3, dtype=torch.float64)
    mixture, normal = GaussianMixture(zeros, zeros, zeros[:, 0]), StandardGaussian(zeros[0])
    torch.testing.assert_close(mixture.log_prob(z), normal.log_prob(z))
    torch.testing.assert_close(mixture.mean, normal.mean)
    torch.testing.assert_close(mixture.variance, normal.variance)


def test_splitting_a_component_in_two_changes_nothing(pair):
    ours = pair[0]
    twice = torch.tensor([0, 0, 1, 2, 3])
    log_weights = ours.log_weights[twice].clone()
    log_weights[:2] += torch.tensor([0.25, 0.75]).log()
    split = GaussianMixture(ours.means[twice], ours.log_scales[twice], log_weights)
    z = torch.randn(7, 3, dtype=torch.float64)
    torch.testing.assert_close(split.log_prob(z), ours.log_prob(z))
