"""Mixtures of logistics over colours: probabilities, their dependence, samples, extremes."""

import math

import pytest
import torch
from gradients import gradient_of
from monte_carlo import assert_mean_is

from vae_lab.model.likelihoods import DiscretizedLogistic, DiscretizedLogisticMixture

LEVELS = torch.arange(256, dtype=torch.float64) / 255
RANGE = (-7.0, 2.0)


def mixture_of(channels, components=3, log_scale=None):
    """Return the distribution of one pixel, its slopes and weights drawn at random."""
    torch.manual_seed(0)
    likelihood = DiscretizedLogisticMixture(components, RANGE)
    p = likelihood(2 * torch.randn(likelihood.num_features(channels), 1, 1, dtype=torch.float64))
    if log_scale is not None:
        p.location = p.location.sigmoid() / 2 + 0.25
        p.log_scale = torch.full_like(p.log_scale, log_scale)
    return p


def first_channels(p, count):
    """Return the distribution of the first channels, which do not depend on those after them."""
    pairs = count * (count - 1) // 2
    return type(p)(p.logits, p.location[:, :count], p.log_scale[:, :count], p.slopes[:, :pairs])


def probability(p, values):
    """Return P for the values (N, C) of one pixel, (N,)."""
    return p.log_prob(values[:, :, None, None]).exp()


def test_all_colours_of_a_pixel_sum_to_one():
    # Over blue for given red and green, over green for given red, over red: all 256³ of them.
    p = mixture_of(3)
    red, red_green = first_channels(p, 1), first_channels(p, 2)
    torch.testing.assert_close(probability(red, LEVELS[:, None]).sum().item(), 1.0)
    pairs = torch.cartesian_prod(LEVELS, LEVELS)
    over_green = probability(red_green, pairs).reshape(256, 256).sum(1)
    torch.testing.assert_close(over_green, probability(red, LEVELS[:, None]))
    some = pairs[torch.randperm(len(pairs))[:200]]
    colours = torch.cat([some.repeat_interleave(256, 0), LEVELS.repeat(200)[:, None]], 1)
    over_blue = probability(p, colours).reshape(200, 256).sum(1)
    torch.testing.assert_close(over_blue, probability(red_green, some))


def test_green_follows_red_and_blue_follows_both():
    p = mixture_of(3)
    x = torch.tensor([30, 200, 90], dtype=torch.float64) / 255
    red, green, blue = p.location.squeeze().unbind(1)
    on_red, blue_on_red, blue_on_green = p.slopes.squeeze().unbind(1)
    green = green + on_red * (x[0] - 0.5)
    blue = blue + blue_on_red * (x[0] - 0.5) + blue_on_green * (x[1] - 0.5)
    scale = p.log_scale.squeeze().exp()
    location = torch.stack([red, green, blue], 1)
    upper, lower = (((x + shift / 510 - location) / scale).sigmoid() for shift in (1, -1))
    expected = (p.logits.squeeze().softmax(0) * (upper - lower).prod(1)).sum()
    torch.testing.assert_close(probability(p, x[None])[0], expected)


def test_one_component_of_grey_is_a_discretized_logistic():
    torch.manual_seed(0)
    location, log_scale = torch.randn(2, 5, 1, 4, 4)
    features = torch.cat([torch.randn(5, 1, 4, 4), location - 0.5, log_scale + 2], 1)
    single = DiscretizedLogistic(RANGE)(torch.cat([location, log_scale], 1))
    mixture = DiscretizedLogisticMixture(1, RANGE)(features)
    x = torch.randint(256, (5, 1, 4, 4)) / 255
    torch.testing.assert_close(mixture.log_prob(x), single.log_prob(x))
    torch.testing.assert_close(mixture.mean, single.mean, rtol=0, atol=0.5 / 255)


def test_samples_are_as_frequent_as_they_are_probable():
    p = first_channels(mixture_of(3), 2)
    colours = torch.cartesian_prod(LEVELS, LEVELS)
    are_bright = ((colours[:, 0] > 0.5) & (colours[:, 1] > 0.3)).double()
    expected = (probability(p, colours) * are_bright).sum()
    drawn = p.sample((20_000,)).flatten(1)
    assert_mean_is(((drawn[:, 0] > 0.5) & (drawn[:, 1] > 0.3)).double(), expected)
    assert torch.equal((drawn * 255).round() / 255, drawn)


def test_the_mean_of_colours_is_exact_where_black_and_white_cut_nothing_off():
    p = mixture_of(3, log_scale=-4.0)
    drawn = p.sample((20_000,))
    assert_mean_is(drawn, p.mean)


@pytest.mark.parametrize("log_scale", [-100.0, 100.0])
def test_it_stays_finite_whatever_the_decoder_says(log_scale):
    torch.manual_seed(0)
    likelihood = DiscretizedLogisticMixture(4, RANGE)
    features = 20 * torch.randn(4, 10, 4, 4)
    features[:, 4:7] = log_scale
    features[0, 0] = -1000.0  # a component without weight
    features = features.flatten(0, 1).requires_grad_()
    x = torch.randint(256, (3, 4, 4)) / 255
    p = likelihood(features)
    assert gradient_of(p.log_prob(x), [features]).isfinite().all()
    double = likelihood(features.double()).log_prob(x.double())
    torch.testing.assert_close(p.log_prob(x).double(), double, rtol=1e-5, atol=1e-3)
    assert ((p.mean >= 0) & (p.mean <= 1)).all()
    assert p.sample((5,)).isfinite().all()


def test_a_margin_that_is_always_black_costs_nothing():
    features = torch.tensor([0.0, -1.0, -1.0, -1.0, -7.0, -7.0, -7.0, 0.0, 0.0, 0.0])
    p = DiscretizedLogisticMixture(1, RANGE)(features[:, None, None].expand(10, 4, 4))
    assert math.isclose(p.log_prob(torch.zeros(3, 4, 4)), 0.0, abs_tol=1e-6)
