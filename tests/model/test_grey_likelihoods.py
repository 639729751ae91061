"""Likelihoods of grey pixels: what they integrate to, fit, refuse."""

import math

import pytest
import torch
from gradients import gradient_of
from quadrature import integrate_plane, unit_interval
from torch.distributions import Independent
from torch.distributions import Normal as TorchNormal

from vae_lab.model.distributions import FittedNormal
from vae_lab.model.likelihoods import (
    ContinuousBernoulli,
    DiscretizedLogistic,
    Normal,
    OptimalNormal,
)

# Around 0 normaliser and mean are 0/0: series where the logit is below 0.01, and below 0.25.
NEAR_ONE_HALF = [0.0, 1e-8, -1e-4, 0.0099, -0.0099, 0.0101, 0.02, -0.1, 0.249, 0.251]


@pytest.mark.parametrize("logit", [*NEAR_ONE_HALF, -0.5, 3.0, -20.0, 40.0, -100.0])
def test_continuous_bernoulli_integrates_to_one_and_has_its_mean(logit):
    p = ContinuousBernoulli()(torch.full((1, 1, 1), logit, dtype=torch.float64))
    x, weights = unit_interval(100)
    density = p.log_prob(x.reshape(-1, 1, 1, 1)).exp()
    total, mean = (weights * density).sum(), (weights * density * x).sum()
    torch.testing.assert_close(total, torch.ones_like(total))
    # the first term that the series of the mean leaves out is 5e-11 at most, its last one 3e-8
    torch.testing.assert_close(p.mean.squeeze(), mean, rtol=0, atol=1e-10)


def test_continuous_bernoulli_is_a_bernoulli_times_its_normaliser():
    torch.manual_seed(0)
    logits, x = torch.randn(2, 5, 1, 2, 3, dtype=torch.float64)
    x = x.sigmoid()
    probability = logits.sigmoid()
    normaliser = 2 * torch.atanh(1 - 2 * probability) / (1 - 2 * probability)
    density = normaliser * probability**x * (1 - probability) ** (1 - x)
    expected = density.log().sum((-3, -2, -1))
    torch.testing.assert_close(ContinuousBernoulli()(logits).log_prob(x), expected)


@pytest.mark.parametrize("logit", [-100.0, -20.0, 0.005, 17.0, 40.0])
def test_continuous_bernoulli_keeps_its_normaliser_in_single_precision(logit):
    single = torch.full((1, 1, 1), logit, requires_grad=True)
    double = single.detach().double().requires_grad_()
    x = torch.full((1, 1, 1), 0.25)
    scores = [ContinuousBernoulli()(logits).log_prob(x.to(logits)) for logits in (single, double)]
    gradients = [gradient_of(score, [p]) for score, p in zip(scores, (single, double), strict=True)]
    torch.testing.assert_close(scores[0].double(), scores[1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradients[0].double(), gradients[1], rtol=1e-5, atol=1e-6)


def test_continuous_bernoulli_keeps_its_mean_in_single_precision():
    logits = torch.linspace(-1, 1, 4001).reshape(-1, 1, 1, 1)
    single, double = (ContinuousBernoulli()(x).mean for x in (logits, logits.double()))
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-6)


def test_discretized_logistic_can_be_sure_of_a_black_margin():
    features = torch.cat([torch.full((1, 4, 4), -1.0), torch.full((1, 4, 4), -6.9)])
    black = torch.zeros(1, 4, 4)
    assert DiscretizedLogistic((-7.0, 2.0))(features).log_prob(black) > -1e-6


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_optimal_normal_learns_the_variance_as_a_running_mean(momentum):
    likelihood = OptimalNormal(momentum).double()
    x = torch.full((5, 1, 2, 2), 3.0, dtype=torch.float64)
    weighted, weight = 0.0, 0.0
    for mean in (0.0, 1.0, 2.5):
        likelihood(torch.full_like(x, mean)).log_prob(x)
        weighted += momentum * ((3.0 - mean) ** 2 - weighted)
        weight += momentum * (1.0 - weight)
        torch.testing.assert_close(likelihood.variance.item(), weighted / weight)


def test_optimal_normal_has_a_least_scale_and_gradients_there():
    mean = torch.zeros(5, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    likelihood = OptimalNormal(momentum=1.0).double()
    score = likelihood(mean).log_prob(torch.full_like(mean, 1e-5))
    torch.testing.assert_close(likelihood.variance.log().item(), -12.0)
    assert gradient_of(score.sum(), [mean]).isfinite().all()


def test_optimal_normal_fits_in_training_and_scores_with_what_it_learnt_afterwards():
    torch.manual_seed(0)
    likelihood = OptimalNormal(momentum=0.5).double()
    mean, x = torch.randn(2, 5, 1, 2, 2, dtype=torch.float64)
    assert isinstance(likelihood(mean), FittedNormal)
    likelihood(mean).log_prob(x)
    variance = (x - mean).square().mean()
    torch.testing.assert_close(likelihood.variance, variance)
    expected = Independent(TorchNormal(mean, variance.sqrt()), 3).log_prob(x)
    torch.testing.assert_close(likelihood.eval()(mean).log_prob(x), expected)
    torch.testing.assert_close(likelihood.variance, variance)  # and scoring teaches it nothing


def test_optimal_normal_scores_training_batches_no_worse_than_any_fixed_scale():
    torch.manual_seed(0)
    mean, x = torch.randn(2, 5, 1, 2, 2, dtype=torch.float64)
    best = OptimalNormal(momentum=0.5).double()(mean).log_prob(x).sum()
    for scale in (0.1, 0.5, 1.0, 2.0):
        assert Normal(scale, learned=False).double()(mean).log_prob(x).sum() < best


def test_optimal_normal_integrates_to_one_after_training():
    likelihood = OptimalNormal(momentum=1.0).double()
    mean = torch.tensor([0.2, 0.9], dtype=torch.float64).reshape(1, 1, 1, 2)
    likelihood(mean).log_prob(mean + 0.1)
    p = likelihood.eval()(mean)
    total = integrate_plane(lambda x: p.log_prob(x.reshape(-1, 1, 1, 2)), 2.0, 401)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_optimal_normal_saves_its_variance_and_trains_nothing():
    likelihood = OptimalNormal(momentum=0.5)
    likelihood(torch.zeros(1, 1, 2, 2)).log_prob(torch.full((1, 1, 2, 2), 3.0))
    assert list(likelihood.parameters()) == []
    other = OptimalNormal(momentum=0.5)
    other.load_state_dict(likelihood.state_dict())
    assert other.variance == 9.0


@pytest.mark.parametrize("momentum", [0.0, -0.1, 1.1, math.nan])
def test_optimal_normal_refuses_a_momentum_outside_its_range(momentum):
    with pytest.raises(ValueError, match=rf"momentum must be .*in \(0, 1\], got {momentum}"):
        OptimalNormal(momentum)


def test_discretized_logistic_reads_locations_and_then_log_scales_of_all_channels():
    features = torch.tensor([0.5, 0.75, -9.0, -2.0]).reshape(4, 1, 1)
    p = DiscretizedLogistic(log_scale_range=(-5.0, 0.0))(features)
    torch.testing.assert_close(p.location.flatten(), torch.tensor([0.5, 0.75]))
    torch.testing.assert_close(p.log_scale.flatten(), torch.tensor([-5.0, -2.0]))


def test_discretized_logistic_sums_to_one_over_two_pixels():
    torch.manual_seed(0)
    p = DiscretizedLogistic(log_scale_range=(-5.0, 0.0))(torch.randn(2, 1, 2).double())
    levels = torch.arange(256, dtype=torch.float64) / 255
    total = p.log_prob(torch.cartesian_prod(levels, levels).reshape(-1, 1, 1, 2)).exp().sum()
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("log_scale", [-100.0, 100.0])
def test_discretized_logistic_stays_finite_whatever_the_decoder_says(log_scale):
    torch.manual_seed(0)
    features = torch.cat([20 * torch.randn(1, 4, 4), torch.full((1, 4, 4), log_scale)])
    features.requires_grad_()
    x = torch.randint(256, (1, 4, 4)) / 255
    log_prob = DiscretizedLogistic(log_scale_range=(-15.0, 0.0))(features).log_prob(x)
    assert log_prob.isfinite()
    assert gradient_of(log_prob, [features]).isfinite().all()


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        ("binary", "256 levels, not binarised pixels; use data.binarization=none"),
        ("continuous", "256 levels, not levels with noise between them; use data.dequantize=false"),
    ],
)
def test_discretized_logistic_refuses_what_is_not_of_256_levels(pixels, reason):
    with pytest.raises(ValueError, match=reason):
        DiscretizedLogistic(log_scale_range=(-5.0, 0.0)).caveat(pixels)


@pytest.mark.parametrize(
    "likelihood", [Normal(1.0, learned=False), OptimalNormal(0.5), ContinuousBernoulli()]
)
@pytest.mark.parametrize(
    ("pixels", "remedy"), [("binary", "data.binarization=none"), ("grey", "data.dequantize=true")]
)
def test_a_density_warns_of_levels_but_has_a_value_there(likelihood, pixels, remedy):
    assert likelihood.pixels == "continuous"
    assert "no upper limit" in likelihood.caveat(pixels)
    assert remedy in likelihood.caveat(pixels)
    assert likelihood.suffix(pixels) == ""


@pytest.mark.parametrize(
    "density", [Normal(0.002, learned=False).double(), Normal(0.3, learned=False).double(),
                ContinuousBernoulli()],
)  # fmt: skip
@pytest.mark.parametrize("feature", [-600.0, 0.2, 3.0])
def test_a_density_of_noisy_bytes_is_a_lower_bound_of_the_probability_of_bytes(density, feature):
    p = density(torch.full((1, 1, 1), feature, dtype=torch.float64))
    noise, weights = unit_interval(100)
    x = (torch.arange(256, dtype=torch.float64)[:, None] + noise) / 256
    log_p = p.log_prob(x[..., None, None, None])
    bound = (log_p * weights).sum(1) - math.log(256)
    log_probability = (log_p + weights.log()).logsumexp(1) - math.log(256)
    assert (bound <= log_probability + 1e-9).all()
    assert log_probability.logsumexp(0) <= 1e-9  # so that black alone cannot be boundless
    if isinstance(density, ContinuousBernoulli):  # which has nothing outside of [0, 1]
        assert log_probability.logsumexp(0) == pytest.approx(0, abs=1e-9)
