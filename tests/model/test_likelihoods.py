"""Likelihoods: distributions over images that sum or integrate to one, in nats per image.

For those of grey pixels but the normal see test_grey_likelihoods.py.
"""

import itertools
import math
from functools import partial

import pytest
import torch
from monte_carlo import assert_mean_is
from torch import nn

from vae_lab.model.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    Normal,
    OptimalNormal,
)
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import DiagonalNormal
from vae_lab.model.priors import StandardNormal
from vae_lab.model.vae import VAE

LIKELIHOODS = [
    Bernoulli(),
    Normal(scale=0.3, learned=False),
    OptimalNormal(momentum=0.1).eval(),
    ContinuousBernoulli(),
    DiscretizedLogistic(log_scale_range=(-5.0, 0.0)),
    DiscretizedLogisticMixture(components=3, log_scale_range=(-9.0, 0.0)),
]


@pytest.fixture(params=LIKELIHOODS, ids=lambda likelihood: type(likelihood).__name__)
def likelihood(request):
    return request.param


def features_for(likelihood, *shape):
    """Return what a decoder might deliver for images of ``shape``, (..., C, H, W)."""
    torch.manual_seed(0)
    *leading, channels, height, width = shape
    return torch.randn(*leading, likelihood.num_features(channels), height, width)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 3), (2, 2, 2)])
def test_bernoulli_sums_to_one_over_all_images(shape):
    torch.manual_seed(0)
    p = Bernoulli()(3 * torch.randn(shape, dtype=torch.float64))
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=math.prod(shape))))
    total = p.log_prob(images.double().reshape(-1, *shape)).exp().sum()
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_normal_integrates_to_one_over_two_pixels(scale):
    likelihood = Normal(scale, learned=False).double()
    mean = torch.tensor([0.2, 0.9], dtype=torch.float64).reshape(1, 1, 2)
    # Ten standard deviations each way; on a normal density the trapezoid rule is then exact.
    axis = torch.linspace(-10 * scale, 10 * scale, 201, dtype=torch.float64)
    images = torch.cartesian_prod(axis, axis).reshape(-1, 1, 1, 2) + mean
    density = likelihood(mean).log_prob(images).exp().reshape(201, 201)
    total = torch.trapezoid(torch.trapezoid(density, axis), axis)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_features_become_one_distribution_per_image(likelihood):
    p = likelihood(features_for(likelihood, 3, 5, 2, 4, 4))
    assert p.batch_shape == (3, 5)
    assert p.event_shape == (2, 4, 4)
    assert p.mean.shape == (3, 5, 2, 4, 4)
    assert p.log_prob(torch.zeros(5, 2, 4, 4)).shape == (3, 5)


def test_log_prob_is_summed_over_pixels_and_not_averaged(likelihood):
    features, x = features_for(likelihood, 1, 4, 4), torch.randint(2, (1, 4, 4)).float()
    doubled = likelihood(features.repeat(1, 2, 1)).log_prob(x.repeat(1, 2, 1))
    torch.testing.assert_close(doubled, 2 * likelihood(features).log_prob(x))


def test_samples_average_to_the_mean(likelihood):
    p = likelihood(features_for(likelihood, 1, 2, 2))
    assert_mean_is(p.sample((20_000,)), p.mean)


def test_gradients_reach_every_feature(likelihood):
    # negative, as the greatest log scale is 0: beyond it there is none
    features = (-features_for(likelihood, 5, 1, 2, 2).abs()).requires_grad_()
    likelihood(features).log_prob(torch.rand(5, 1, 2, 2)).sum().backward()
    assert (features.grad != 0).all()


def test_a_decoder_delivers_as_many_features_as_the_likelihood_takes(likelihood):
    torch.manual_seed(0)
    network = partial(MLP, hidden_sizes=(), activation=nn.Tanh, normalization=None)
    parts = (DiagonalNormal(2, log_scale_range=None), StandardNormal(2), likelihood)
    model = VAE((2, 4, 4), 2, network, network, *parts)
    assert model.draw(torch.rand(5, 2, 4, 4), 3).log_px.shape == (3, 5)
    assert model.sample(7).shape == (7, 2, 4, 4)


def test_pixels_that_it_declares_need_no_caveat(likelihood):
    assert likelihood.caveat(likelihood.pixels) is None
    assert likelihood.suffix(likelihood.pixels) == ""


def test_bernoulli_mean_is_the_sigmoid_of_the_features():
    features = torch.tensor([-100.0, 0.0, math.log(3), 100.0]).reshape(1, 2, 2)
    expected = torch.tensor([0.0, 0.5, 0.75, 1.0]).reshape(1, 2, 2)
    torch.testing.assert_close(Bernoulli()(features).mean, expected)


def test_bernoulli_stays_finite_at_extreme_logits():
    features = torch.tensor([-200.0, 200.0]).reshape(2, 1, 1, 1)
    log_prob = Bernoulli()(features).log_prob(torch.ones(2, 1, 1, 1))
    torch.testing.assert_close(log_prob, torch.tensor([-200.0, 0.0]))


def test_bernoulli_calls_the_score_of_grey_pixels_a_cross_entropy():
    assert Bernoulli.pixels == "binary"
    for pixels in ("grey", "continuous"):
        assert "no log-likelihood" in Bernoulli().caveat(pixels)
        assert Bernoulli().suffix(pixels) == "_bce"


@pytest.mark.parametrize("scale", [0.1, 1])
def test_normal_scale_is_a_standard_deviation(scale):
    p = Normal(scale, learned=False)(torch.zeros(1, 2, 2))
    torch.testing.assert_close(p.stddev, torch.full((1, 2, 2), float(scale)))


@pytest.mark.parametrize("learned", [True, False])
def test_normal_scale_is_trained_only_if_learned(learned):
    assert Normal(scale=1.0, learned=learned).log_scale.requires_grad is learned


def test_normal_scale_is_best_at_the_root_mean_square_error():
    torch.manual_seed(0)
    errors = torch.randn(8, 1, 2, 2, dtype=torch.float64)
    likelihood = Normal(scale=1.0, learned=True).double()
    with torch.no_grad():
        likelihood.log_scale.copy_(errors.square().mean().sqrt().log())
    likelihood(torch.zeros_like(errors)).log_prob(errors).sum().backward()
    torch.testing.assert_close(likelihood.log_scale.grad, torch.zeros_like(likelihood.log_scale))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_normal_refuses_a_scale_that_is_not_positive(scale):
    with pytest.raises(ValueError, match=f"scale must be .*greater than 0, got {scale}"):
        Normal(scale, learned=False)
