"""log p(x) by importance sampling, against closed forms and quadrature."""

import dataclasses
import importlib

import pytest
import torch
from hand_made import draw_of_log_w
from linear_gaussian import exact_elbo, exact_log_px, images_of
from monte_carlo import assert_mean_at_most, assert_mean_is
from quadrature import integrate_plane

from vae_lab.evaluation.likelihood import importance_sample
from vae_lab.model.contract import known

likelihood = importlib.import_module("vae_lab.evaluation.likelihood")
TERMS = ("log_px", "log_pz", "log_qz")


class Replay:
    """Deals out the samples of one draw in order; notes how many were asked for at a time."""

    def __init__(self, draw, first=0):
        self.dealt, self.first, self.images, self.asked = draw, first, 0, []

    def condition(self, x):
        columns = slice(self.images, self.images + len(x))
        self.images += len(x)
        sizes = []
        self.asked.append(sizes)

        def deal(count):
            start = self.first + sum(sizes)
            sizes.append(count)
            log_px, log_pz, log_qz = (
                getattr(self.dealt, term)[start : start + count, columns] for term in TERMS
            )
            densities = {"prior_density": known(log_pz), "posterior_density": known(log_qz)}
            return dataclasses.replace(self.dealt, log_px=log_px, **densities)

        return deal


@pytest.fixture
def wrong_draw(wrong_model, gaussian_images):
    torch.manual_seed(0)
    with torch.no_grad():
        return wrong_model.draw(gaussian_images, 64)


@pytest.fixture
def curved_model(bernoulli_model):
    """A decoder far from linear, and a posterior wider than the prior: weights are bounded."""
    model = bernoulli_model.double()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3)
        model.encoder[-1].weight[2:] = 0.0
        model.encoder[-1].bias[2:] = 0.2
    return model


def repeated_estimates(model, x, num_samples, repeats):
    """Return independent estimates, (repeats, B)."""
    torch.manual_seed(0)
    estimates = importance_sample(model, x.repeat(repeats, 1, 1, 1), num_samples).log_px
    return estimates.reshape(repeats, len(x))


def own_error_and_bias(estimate, num_samples):
    """Return what the weights say of their log mean by the delta method, each (N,).

    With c² = K / ESS − 1, the squared variation of the weights: √(c² / K) and −c² / 2K.
    """
    variation = num_samples / estimate.effective_sample_size - 1
    return (variation / num_samples).sqrt(), -variation / (2 * num_samples)


@pytest.mark.parametrize("num_samples", [1, 10, 1000])
def test_under_the_true_posterior_it_is_exact_and_every_sample_counts(
    true_model, gaussian_images, num_samples
):
    torch.manual_seed(0)
    estimate = importance_sample(true_model, gaussian_images, num_samples)
    torch.testing.assert_close(estimate.log_px, exact_log_px(true_model, gaussian_images))
    every = torch.full_like(estimate.log_px, num_samples)
    torch.testing.assert_close(estimate.effective_sample_size, every)


def test_with_one_sample_it_is_the_elbo_in_expectation(wrong_model, gaussian_images):
    estimates = repeated_estimates(wrong_model, gaussian_images, 1, repeats=2000)
    assert_mean_is(estimates, exact_elbo(wrong_model, gaussian_images).detach())


@pytest.mark.parametrize("num_samples", [1, 10])
def test_it_stays_below_log_px_in_expectation(wrong_model, gaussian_images, num_samples):
    estimates = repeated_estimates(wrong_model, gaussian_images, num_samples, repeats=1000)
    assert_mean_at_most(estimates, exact_log_px(wrong_model, gaussian_images).detach())


@pytest.mark.parametrize("num_samples", [1, 10])
def test_its_exponential_is_unbiased(wrong_model, gaussian_images, num_samples):
    estimates = repeated_estimates(wrong_model, gaussian_images, num_samples, repeats=1000)
    log_px = exact_log_px(wrong_model, gaussian_images).detach()
    assert_mean_is((estimates - log_px).exp(), 1.0)


def test_with_a_thousand_samples_its_errors_are_those_that_the_weights_foretell(wrong_model):
    torch.manual_seed(0)
    x = images_of(wrong_model, 300)
    estimate = importance_sample(wrong_model, x, 1000)
    error, bias = own_error_and_bias(estimate, 1000)
    standardised = (estimate.log_px - exact_log_px(wrong_model, x).detach() - bias) / error
    assert_mean_is(standardised, 0.0)
    assert_mean_is(standardised.square(), 1.0)


def test_on_shared_draws_the_bound_grows_with_the_number_of_samples(wrong_draw, gaussian_images):
    bounds = []
    for num_samples in (1, 2, 4, 8, 16, 32, 64):
        estimates = [
            importance_sample(Replay(wrong_draw, first), gaussian_images, num_samples).log_px
            for first in range(0, 64, num_samples)
        ]
        bounds.append(torch.stack(estimates).mean(0))
    assert (torch.stack(bounds).diff(dim=0) > 0).all()


def test_for_a_curved_decoder_it_agrees_with_quadrature(curved_model, binary_images):
    torch.manual_seed(0)
    x, prior = binary_images.double(), curved_model.prior(curved_model.encode)
    exact = torch.stack(
        [
            integrate_plane(lambda z, i=i: curved_model.decode(z).log_prob(i) + prior.log_prob(z),
                            half_width=9.0, num_points=181).log()
            for i in x
        ]
    )  # fmt: skip
    elbo = curved_model.draw(x, 1000).log_w.mean(0)
    assert (elbo < exact - 0.1).all()  # there is something to gain
    estimate = importance_sample(curved_model, x, 20_000)
    error, bias = own_error_and_bias(estimate, 20_000)
    assert ((estimate.log_px - exact - bias).abs() <= 4 * error).all()


@pytest.mark.parametrize(
    ("max_pixels", "sizes"), [(1, [1] * 10), (24, [1] * 10), (100, [4, 4, 2]), (10**9, [10])]
)
def test_chunks_keep_to_the_limit_and_use_every_sample_once(
    wrong_draw, gaussian_images, max_pixels, sizes, monkeypatch
):
    monkeypatch.setattr(likelihood, "MAX_PIXELS", max_pixels)
    replay = Replay(wrong_draw)
    estimate = importance_sample(replay, gaussian_images, 10)
    assert replay.asked == [sizes]
    weights = wrong_draw.log_w[:10].exp()
    torch.testing.assert_close(estimate.log_px, weights.mean(0).log())
    effective = weights.sum(0).square() / weights.square().sum(0)
    torch.testing.assert_close(estimate.effective_sample_size, effective)


@pytest.mark.parametrize(
    ("max_images", "asked"), [(1, [[10]] * 4), (3, [[5, 5], [10]]), (4, [[4, 4, 2]])]
)
def test_groups_of_images_leave_none_out_and_keep_their_order(
    wrong_draw, gaussian_images, max_images, asked, monkeypatch
):
    monkeypatch.setattr(likelihood, "MAX_PIXELS", 100)
    monkeypatch.setattr(likelihood, "MAX_IMAGES", max_images)
    replay, told = Replay(wrong_draw), []
    estimate = importance_sample(replay, gaussian_images, 10, told.append)
    assert replay.asked == asked
    assert told == [min(start + max_images, 4) for start in range(0, 4, max_images)]
    torch.testing.assert_close(estimate.log_px, wrong_draw.log_w[:10].exp().mean(0).log())


def test_each_image_is_encoded_once_and_all_is_decoded_within_the_limit(true_model, monkeypatch):
    monkeypatch.setattr(likelihood, "MAX_PIXELS", 100)
    monkeypatch.setattr(likelihood, "MAX_IMAGES", 3)
    x, seen, decoded = images_of(true_model, 7), [], []
    true_model.encoder.register_forward_hook(lambda net, args, out: seen.append(args[0]))
    true_model.decoder.register_forward_hook(lambda net, args, out: decoded.append(out))
    estimate = importance_sample(true_model, x, 11)
    assert torch.equal(torch.cat(seen), x)
    assert sum(map(len, decoded)) == 7 * 11
    assert max(out.numel() for out in decoded) <= 100
    torch.testing.assert_close(estimate.log_px, exact_log_px(true_model, x))


@pytest.mark.parametrize("num_samples", [3, 5000])
def test_the_limits_that_ship_hold_for_digits_however_many_samples(num_samples):
    sizes = []

    class Recorder:
        def condition(self, x):
            def draw(count):
                sizes.append((count, x.numel()))
                return draw_of_log_w(torch.zeros(count, len(x)))

            return draw

    estimate = importance_sample(Recorder(), torch.zeros(300, 1, 28, 28), num_samples)
    assert all(count * pixels <= likelihood.MAX_PIXELS for count, pixels in sizes)
    assert sum(count * pixels for count, pixels in sizes) == num_samples * 300 * 784
    torch.testing.assert_close(estimate.log_px, torch.zeros(300))


def test_equal_weights_are_all_effective_and_one_among_zeros_is_one(gaussian_images):
    log_w = torch.full((8, 4), -torch.inf, dtype=torch.float64)
    log_w[:, 0], log_w[:4, 1], log_w[3, 2], log_w[7, 3] = 5.0, -3.0, 0.0, -900.0
    estimate = importance_sample(Replay(draw_of_log_w(log_w)), gaussian_images, 8)
    expected = torch.tensor([8.0, 4.0, 1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(estimate.effective_sample_size, expected)


def test_weights_too_small_for_the_exponential_do_no_harm(wrong_draw, gaussian_images):
    offset = 10_000.0
    lowered = dataclasses.replace(wrong_draw, log_px=wrong_draw.log_px - offset)
    estimate = importance_sample(Replay(lowered), gaussian_images, 64)
    expected = importance_sample(Replay(wrong_draw), gaussian_images, 64)
    torch.testing.assert_close(estimate.log_px, expected.log_px - offset)
    torch.testing.assert_close(estimate.effective_sample_size, expected.effective_sample_size)


def test_it_keeps_no_graph(true_model, gaussian_images):
    assert not importance_sample(true_model, gaussian_images, 2).log_px.requires_grad


@pytest.mark.parametrize("num_samples", [0, -1])
def test_fewer_than_one_sample_is_refused(true_model, gaussian_images, num_samples):
    with pytest.raises(ValueError, match=f"num_samples must be at least 1, got {num_samples}"):
        importance_sample(true_model, gaussian_images, num_samples)
