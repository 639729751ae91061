"""Distributions of images: torch's where it has them, sums and maxima where it has not."""

import math

import pytest
import torch
from gradients import gradient_of
from monte_carlo import assert_mean_is
from torch.distributions import Bernoulli, Independent, Normal

from vae_lab.model.distributions import BernoulliImage, DiscretizedLogisticImage, FittedNormal

LEVELS = torch.arange(256, dtype=torch.float64).reshape(-1, 1, 1, 1) / 255
LOCATIONS = [-0.3, 0.0, 0.5, 100.5 / 255, 0.99, 1.2]
SCALES = [1e-6, 1e-3, 0.02, 0.3, 5.0]


def one_pixel(location, scale, dtype=torch.float64):
    shape = (1, 1, 1)
    return DiscretizedLogisticImage(
        torch.full(shape, location, dtype=dtype), torch.full(shape, math.log(scale), dtype=dtype)
    )


def test_a_bernoulli_image_has_torchs_moments_and_density():
    torch.manual_seed(0)
    logits, image = torch.randn(2, 5, 1, 2, 3), torch.randint(2, (5, 1, 2, 3)).float()
    ours, theirs = BernoulliImage(logits), Independent(Bernoulli(logits=logits), 3)
    torch.testing.assert_close(ours.log_prob(image), theirs.log_prob(image))
    for moment in ("mean", "stddev", "variance"):
        torch.testing.assert_close(getattr(ours, moment), getattr(theirs, moment))
    torch.manual_seed(1)
    sample = ours.sample((4,))
    torch.manual_seed(1)
    torch.testing.assert_close(sample, theirs.sample((4,)))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("location", LOCATIONS)
def test_a_discretized_logistic_sums_to_one_over_the_grey_levels(location, scale):
    total = one_pixel(location, scale).log_prob(LEVELS).exp().sum()
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("location", LOCATIONS)
def test_the_mean_of_a_discretized_logistic_is_the_sum_over_its_levels(location, scale):
    p = one_pixel(location, scale)
    expected = (LEVELS.flatten() * p.log_prob(LEVELS).exp()).sum()
    torch.testing.assert_close(p.mean.squeeze(), expected)


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_discretized_logistic_is_a_difference_of_its_distribution_function(location):
    edges = torch.cat([LEVELS.flatten() - 1 / 510, torch.tensor([1 + 1 / 510])]).double()
    below = ((edges - location) / 0.3).sigmoid()
    below[0], below[-1] = 0, 1  # the tails belong to the outermost levels
    log_prob = one_pixel(location, 0.3).log_prob(LEVELS)
    torch.testing.assert_close(log_prob, below.diff().log())


@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
@pytest.mark.parametrize("log_scale", [-15.0, -5.0, 0.0, 10.0])
def test_a_discretized_logistic_is_finite_in_float32_with_its_gradients(level, log_scale):
    torch.manual_seed(0)
    parameters = [torch.rand(1, 4, 4), torch.full((1, 4, 4), log_scale)]
    x = torch.full((1, 4, 4), level / 255)
    leaves = [parameter.requires_grad_() for parameter in parameters]
    single = DiscretizedLogisticImage(*leaves).log_prob(x)
    assert gradient_of(single, leaves).isfinite().all()
    double = DiscretizedLogisticImage(*(leaf.double() for leaf in leaves)).log_prob(x.double())
    # Per pixel, two log σ of slope at most one, of arguments up to 1/s in size and a few roundings
    # off, and a logarithm of at most 16: eight roundings each is generous.
    limit = x.numel() * 8 * torch.finfo(torch.float32).eps * (2 * math.exp(-log_scale) + 16)
    assert (single - double).abs() <= limit


def test_a_scale_too_small_to_leave_a_level_is_certain_of_it():
    p = one_pixel(100 / 255, 1e-6)
    assert p.log_prob(LEVELS)[100] == 0
    # to the next level's edge it is half a level, in scales, each of which costs a nat
    expected = torch.tensor(-0.5 / 255 / 1e-6, dtype=torch.float64)
    torch.testing.assert_close(p.log_prob(LEVELS)[101], expected)


@pytest.mark.parametrize("location", [0.1, 0.5])
@pytest.mark.parametrize("scale", [0.02, 0.3])
def test_samples_of_a_discretized_logistic_fall_on_the_levels_as_often_as_it_says(location, scale):
    torch.manual_seed(0)
    p = one_pixel(location, scale)
    samples = p.sample((20_000,)).flatten()
    indices = (samples * 255).round().long()
    torch.testing.assert_close(samples, LEVELS.flatten()[indices], rtol=0, atol=0)
    probabilities = p.log_prob(LEVELS).exp()
    common = probabilities > 0.002  # forty samples or more: enough to estimate an error from
    assert common.sum() >= 10
    visits = torch.nn.functional.one_hot(indices, 256).double()
    assert_mean_is(visits[:, common], probabilities[common])
    assert_mean_is(samples, p.mean.squeeze())


def test_a_fitted_normal_scores_images_at_the_variance_that_fits_all_of_them_best():
    torch.manual_seed(0)
    mean, x = torch.randn(3, 5, 1, 2, 2).double(), torch.randn(5, 1, 2, 2).double()
    log_prob = FittedNormal(mean, 0.0, on_fit=lambda variance: None).log_prob(x)
    scale = (x - mean).square().mean().sqrt()
    expected = Independent(Normal(mean, scale), 3).log_prob(x)
    assert log_prob.shape == (3, 5)
    torch.testing.assert_close(log_prob, expected)
    for factor in (0.5, 0.99, 1.01, 2.0):
        assert Independent(Normal(mean, factor * scale), 3).log_prob(x).sum() < log_prob.sum()
    at_best = -0.5 * mean.numel() * (2 * math.pi * math.e * scale.square()).log()
    torch.testing.assert_close(log_prob.sum(), at_best)


def test_a_fitted_normal_has_the_gradient_of_a_normal_at_that_variance_held_fixed():
    torch.manual_seed(0)
    mean, x = torch.randn(5, 1, 2, 2).double().requires_grad_(), torch.randn(5, 1, 2, 2).double()
    fitted = FittedNormal(mean, 0.0, on_fit=lambda variance: None)
    scale = (x - mean).square().mean().sqrt().detach()
    fixed = Independent(Normal(mean, scale), 3)
    gradients = [gradient_of(p.log_prob(x).sum(), [mean]) for p in (fitted, fixed)]
    torch.testing.assert_close(*gradients)


def test_a_fitted_normal_tells_the_variance_it_found_without_gradients():
    told = []
    mean = torch.zeros(1, 1, 2, 2).double().requires_grad_()
    FittedNormal(mean, 0.0, told.append).log_prob(torch.full((1, 1, 2, 2), 3.0).double())
    assert [variance.item() for variance in told] == [9.0]
    assert not told[0].requires_grad
