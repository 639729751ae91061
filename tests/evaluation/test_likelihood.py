"""log p(x) by importance sampling, against the closed form of a linear-Gaussian model."""

import dataclasses

import pytest
import torch

from linear_gaussian import exact_log_px
from monte_carlo import assert_mean_at_most, assert_mean_is, standard_error
from vae_lab.evaluation import likelihood, log_marginal


class Replay:
    """Deals out the samples of one draw in order, and notes how many were asked for at a time."""

    def __init__(self, draw):
        self.draw_dealt, self.sizes = draw, []

    def draw(self, x, num_samples):
        start = sum(self.sizes)
        self.sizes.append(num_samples)
        part = slice(start, start + num_samples)
        names = ("log_px", "log_pz", "log_qz")
        terms = {name: getattr(self.draw_dealt, name)[part] for name in names}
        return dataclasses.replace(self.draw_dealt, **terms)


@pytest.fixture
def wrong_draw(wrong_model, gaussian_images):
    torch.manual_seed(0)
    with torch.no_grad():
        return wrong_model.draw(gaussian_images, 64)


def repeated_estimates(model, x, num_samples, repeats):
    """Return independent estimates, (repeats, B)."""
    torch.manual_seed(0)
    estimates = log_marginal(model, x.repeat(repeats, 1, 1, 1), num_samples)
    return estimates.reshape(repeats, len(x))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("num_samples", [1, 10])
def test_log_marginal_equals_log_px_under_the_true_posterior(
    true_model, gaussian_images, num_samples, seed
):
    torch.manual_seed(seed)
    estimate = log_marginal(true_model, gaussian_images, num_samples)
    torch.testing.assert_close(estimate, exact_log_px(true_model, gaussian_images))


@pytest.mark.parametrize("max_pixels", [1, 24, 100, 10**9])
def test_chunks_leave_an_exact_estimate_exact(true_model, gaussian_images, max_pixels, monkeypatch):
    monkeypatch.setattr(likelihood, "MAX_PIXELS", max_pixels)
    torch.manual_seed(0)
    estimate = log_marginal(true_model, gaussian_images, 10)
    torch.testing.assert_close(estimate, exact_log_px(true_model, gaussian_images))


@pytest.mark.parametrize(
    ("max_pixels", "sizes"), [(1, [1] * 10), (24, [1] * 10), (100, [4, 4, 2]), (10**9, [10])]
)
def test_chunks_keep_to_the_limit_and_use_every_sample_once(
    wrong_draw, gaussian_images, max_pixels, sizes, monkeypatch
):
    monkeypatch.setattr(likelihood, "MAX_PIXELS", max_pixels)
    replay = Replay(wrong_draw)
    estimate = log_marginal(replay, gaussian_images, 10)
    assert replay.sizes == sizes
    torch.testing.assert_close(estimate, wrong_draw.log_w[:10].exp().mean(0).log())


def test_with_one_sample_it_is_the_log_weight(wrong_draw, gaussian_images):
    estimate = log_marginal(Replay(wrong_draw), gaussian_images, 1)
    torch.testing.assert_close(estimate, wrong_draw.log_w[0])


def test_on_shared_draws_the_bound_grows_with_the_number_of_samples(wrong_draw, gaussian_images):
    bounds = []
    for num_samples in (1, 2, 4, 8, 16, 32, 64):
        replay = Replay(wrong_draw)
        groups = range(0, 64, num_samples)
        estimates = [log_marginal(replay, gaussian_images, num_samples) for _ in groups]
        bounds.append(torch.stack(estimates).mean(0))
    assert (torch.stack(bounds).diff(dim=0) > 0).all()


@pytest.mark.parametrize("num_samples", [1, 5, 50])
def test_it_stays_below_log_px_in_expectation(wrong_model, gaussian_images, num_samples):
    estimates = repeated_estimates(wrong_model, gaussian_images, num_samples, repeats=1000)
    assert_mean_at_most(estimates, exact_log_px(wrong_model, gaussian_images).detach())


@pytest.mark.parametrize("num_samples", [1, 5, 50])
def test_its_exponential_is_unbiased(wrong_model, gaussian_images, num_samples):
    estimates = repeated_estimates(wrong_model, gaussian_images, num_samples, repeats=1000)
    log_px = exact_log_px(wrong_model, gaussian_images).detach()
    assert_mean_is((estimates - log_px).exp(), 1.0)


def test_it_converges_to_log_px(wrong_model, gaussian_images):
    torch.manual_seed(0)
    log_px = exact_log_px(wrong_model, gaussian_images).detach()
    weights = (wrong_model.draw(gaussian_images, 20_000).log_w - log_px).exp()
    estimate = log_marginal(wrong_model, gaussian_images, 20_000)
    # The delta method: the standard error of a log mean is that of the mean, over the mean.
    allowed = 4 * standard_error(weights) / weights.mean(0)
    assert ((estimate - log_px).abs() <= allowed).all()


def test_weights_too_small_for_the_exponential_do_no_harm(wrong_draw, gaussian_images):
    offset = 10_000.0
    lowered = dataclasses.replace(wrong_draw, log_px=wrong_draw.log_px - offset)
    estimate = log_marginal(Replay(lowered), gaussian_images, 64)
    expected = log_marginal(Replay(wrong_draw), gaussian_images, 64) - offset
    torch.testing.assert_close(estimate, expected)


def test_it_keeps_no_graph(true_model, gaussian_images):
    assert not log_marginal(true_model, gaussian_images, 2).requires_grad


@pytest.mark.parametrize("num_samples", [0, -1])
def test_fewer_than_one_sample_is_refused(true_model, gaussian_images, num_samples):
    with pytest.raises(ValueError, match=f"num_samples must be at least 1, got {num_samples}"):
        log_marginal(true_model, gaussian_images, num_samples)
