"""Importance-weighted bounds: exact values, each one's limits, and their order."""

import itertools
import math

import pytest
import torch
from hand_made import draw_of_log_w
from linear_gaussian import exact_log_px
from monte_carlo import assert_mean_at_most

from vae_lab.objectives import CIWAE, ELBO, IWAE, MIWAE, Renyi

TOTAL = 16


def every_bound(num_samples):
    """Return each objective that importance weights enter, by name."""
    return {
        "ELBO": ELBO(1.0, "sampled", num_samples, {}),
        "IWAE": IWAE(num_samples, dreg=False),
        "DReG": IWAE(num_samples, dreg=True),
        "MIWAE": MIWAE(num_bounds=num_samples, samples_per_bound=2),
        "CIWAE": CIWAE(0.3, num_samples),
        "Rényi 0.5": Renyi(0.5, num_samples),
        "Rényi 3": Renyi(3.0, num_samples),
        "Rényi -2": Renyi(-2.0, num_samples),
    }


NAMES = list(every_bound(1))


def value_of(objective, log_w):
    return objective(draw_of_log_w(log_w), epoch=0.0).value


@pytest.fixture
def log_w():
    """Log weights as of a poor posterior, 16 for each of five images."""
    torch.manual_seed(0)
    return 3 * torch.randn(TOTAL, 5, dtype=torch.float64) - 90


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_samples", [1, 7])
def test_every_bound_equals_log_px_under_the_true_posterior(
    true_model, gaussian_images, name, num_samples
):
    torch.manual_seed(0)
    objective = every_bound(num_samples)[name]
    draw = true_model.draw(gaussian_images, objective.num_samples, objective.path_gradient)
    bound = objective(draw, epoch=0.0)
    expected = exact_log_px(true_model, gaussian_images)
    torch.testing.assert_close(bound.value, expected)


@pytest.mark.parametrize("name", ["IWAE", "DReG", "CIWAE", "Rényi 0.5", "Rényi 3", "Rényi -2"])
def test_one_sample_makes_every_bound_the_elbo_with_a_sampled_kl(draw, name):
    first = draw_of_log_w(draw.log_w[:1])
    elbo = ELBO(1.0, "sampled", 1, {})(first, 0.0).value
    torch.testing.assert_close(every_bound(1)[name](first, 0.0).value, elbo)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_factor_of_all_weights_is_added_to_every_bound(log_w, name):
    objective = every_bound(TOTAL)[name]
    torch.testing.assert_close(value_of(objective, log_w + 7), value_of(objective, log_w) + 7)


@pytest.mark.parametrize("name", NAMES)
def test_weights_beyond_the_range_of_numbers_leave_every_bound_finite(log_w, name):
    objective = every_bound(TOTAL)[name]
    assert value_of(objective, 100 * log_w).isfinite().all()


def test_iwae_is_the_logarithm_of_the_mean_weight():
    log_w = torch.tensor([[1.0, 10.0], [2.0, 30.0], [6.0, 50.0]], dtype=torch.float64).log()
    expected = torch.tensor([3.0, 30.0], dtype=torch.float64).log()
    torch.testing.assert_close(value_of(IWAE(3, dreg=False), log_w), expected)


def test_miwae_is_the_mean_over_groups_of_the_logarithm_of_their_mean_weight():
    weights = torch.tensor([1.0, 3.0, 6.0, 10.0, 30.0, 70.0], dtype=torch.float64)
    value = value_of(MIWAE(num_bounds=2, samples_per_bound=3), weights.log()[:, None]).item()
    groupings = []  # any two groups of three will do
    for group in itertools.combinations(weights.tolist(), 3):
        means = sum(group) / 3, (weights.sum().item() - sum(group)) / 3
        groupings.append((math.log(means[0]) + math.log(means[1])) / 2)
    assert any(math.isclose(value, expected, rel_tol=1e-12) for expected in groupings)


def test_miwae_does_not_mix_images(log_w):
    objective = MIWAE(num_bounds=4, samples_per_bound=4)
    alone = [value_of(objective, log_w[:, i : i + 1]) for i in range(5)]
    torch.testing.assert_close(value_of(objective, log_w), torch.cat(alone))


def test_miwae_of_one_bound_is_iwae(log_w):
    miwae, iwae = MIWAE(num_bounds=1, samples_per_bound=TOTAL), IWAE(TOTAL, dreg=False)
    torch.testing.assert_close(value_of(miwae, log_w), value_of(iwae, log_w))


def test_miwae_of_one_sample_a_bound_is_the_mean_of_log_w(log_w):
    miwae = MIWAE(num_bounds=TOTAL, samples_per_bound=1)
    torch.testing.assert_close(value_of(miwae, log_w), log_w.mean(0))


def test_miwae_asks_for_all_samples_of_all_bounds():
    assert MIWAE(num_bounds=3, samples_per_bound=5).num_samples == 15


def test_ciwae_goes_straight_from_iwae_to_the_elbo(log_w):
    iwae, elbo = value_of(IWAE(TOTAL, dreg=False), log_w), log_w.mean(0)
    torch.testing.assert_close(value_of(CIWAE(0.0, TOTAL), log_w), iwae)
    torch.testing.assert_close(value_of(CIWAE(1.0, TOTAL), log_w), elbo)
    torch.testing.assert_close(value_of(CIWAE(0.25, TOTAL), log_w), 0.25 * elbo + 0.75 * iwae)


def test_renyi_of_order_zero_is_iwae(log_w):
    iwae = value_of(IWAE(TOTAL, dreg=False), log_w)
    torch.testing.assert_close(value_of(Renyi(0.0, TOTAL), log_w), iwae)


@pytest.mark.parametrize("alpha", [-2.0, 0.5, 3.0])
def test_renyi_is_a_power_mean_of_the_weights(alpha):
    weights = torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
    power_mean = weights.pow(1 - alpha).mean().pow(1 / (1 - alpha))
    value = value_of(Renyi(alpha, 3), weights.log()[:, None])
    torch.testing.assert_close(value, power_mean.log()[None])


@pytest.mark.parametrize("order", [1e-2, 1e-4])
def test_renyi_approaches_the_elbo_as_alpha_approaches_one(log_w, order):
    """Hoeffding: log E exp(s X) ≤ s E X + s² R² / 8 for X within a range R, and ≥ s E X."""
    limit = order * (log_w.max(0).values - log_w.min(0).values).square() / 8
    below, above = (value_of(Renyi(1 - s, TOTAL), log_w) for s in (order, -order))
    mean = log_w.mean(0)
    assert ((mean < below) & (below <= mean + limit)).all()
    assert ((mean - limit <= above) & (above < mean)).all()


def test_renyi_falls_as_alpha_rises(log_w):
    alphas = [-2.0, -0.5, 0.0, 0.5, 0.9, 1.1, 2.0, 5.0]
    values = torch.stack([value_of(Renyi(alpha, TOTAL), log_w) for alpha in alphas])
    assert (values.diff(dim=0) < 0).all()


def test_on_shared_draws_the_bound_grows_with_the_samples(log_w):
    """Twice as many samples a bound join two groups: the logarithm is concave (Jensen)."""
    sizes = [1, 2, 4, 8, 16]
    values = torch.stack([value_of(MIWAE(TOTAL // size, size), log_w) for size in sizes])
    assert (values.diff(dim=0) > 0).all()


@pytest.mark.parametrize("num_samples", [1, 4, 16])
@pytest.mark.parametrize("name", ["IWAE", "DReG", "MIWAE", "CIWAE", "Rényi 0.5", "Rényi 3"])
def test_no_bound_exceeds_log_px_on_average(wrong_model, gaussian_images, name, num_samples):
    torch.manual_seed(0)
    objective = every_bound(num_samples)[name]
    with torch.no_grad():
        draw = wrong_model.draw(gaussian_images.repeat(1000, 1, 1, 1), objective.num_samples)
        values = objective(draw, 0.0).value.reshape(1000, -1)
        assert_mean_at_most(values, exact_log_px(wrong_model, gaussian_images))


def test_iwae_grows_with_its_samples_on_average(wrong_model, gaussian_images):
    torch.manual_seed(0)
    sizes = [1, 4, 16]
    with torch.no_grad():
        log_w = wrong_model.draw(gaussian_images.repeat(1000, 1, 1, 1), TOTAL).log_w
        values = [value_of(IWAE(size, dreg=False), log_w[:size]) for size in sizes]
    for fewer, more in itertools.pairwise(values):
        assert_mean_at_most((fewer - more).reshape(1000, -1), 0.0)


@pytest.mark.parametrize("alpha", [1, 1.0])
def test_renyi_refuses_the_order_at_which_it_is_the_elbo(alpha):
    with pytest.raises(ValueError, match="alpha=1 is the limit that objective=elbo computes"):
        Renyi(alpha, 5)


@pytest.mark.parametrize("beta", [-0.1, 1.1, math.nan])
def test_ciwae_refuses_a_weight_outside_its_range(beta):
    with pytest.raises(ValueError, match=rf"beta must be .*in \[0, 1\], got {beta}"):
        CIWAE(beta, 5)


@pytest.mark.parametrize(("num_bounds", "samples_per_bound"), [(0, 5), (5, 0), (-1, -1)])
def test_miwae_refuses_fewer_than_one_bound_or_sample(num_bounds, samples_per_bound):
    with pytest.raises(ValueError, match=r"(num_bounds|samples_per_bound) must be at least 1, got"):
        MIWAE(num_bounds, samples_per_bound)
