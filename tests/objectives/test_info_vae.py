"""InfoVAE: an unbiased maximum mean discrepancy, and the objective's limits."""

import math

import pytest
import torch
from gradients import gradient_of
from ladder_models import ladder
from monte_carlo import assert_mean_is

from vae_lab.model.priors import MixtureOfGaussians
from vae_lab.objectives import ELBO, InfoVAE
from vae_lab.objectives.info_vae import squared_mmd


def repeated_mmds(shift, latent_dim, repeats=400, count=20):
    """Return independent estimates between N(0, I) and N(shift, I), (repeats,)."""
    torch.manual_seed(0)
    a, b = torch.randn(2, repeats, count, latent_dim, dtype=torch.float64)
    return torch.stack([squared_mmd(x, y + shift) for x, y in zip(a, b, strict=True)])


def kernel(x, y):
    return math.exp(-(x - y).square().sum().item() / len(x))


@pytest.mark.parametrize("count", [2, 7, 40])  # from 26 points, torch computes distances otherwise
def test_squared_mmd_is_a_double_sum_over_pairs_of_different_points(count):
    torch.manual_seed(0)
    a, b = torch.randn(2, count, 3, dtype=torch.float64)
    indices = range(count)
    within = sum(
        kernel(points[i], points[j]) / (count * (count - 1))
        for points in (a, b)
        for i in indices
        for j in indices
        if i != j
    )
    between = sum(kernel(a[i], b[j]) / count**2 for i in indices for j in indices)
    torch.testing.assert_close(squared_mmd(a, b).item(), within - 2 * between)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_squared_mmd_is_zero_on_average_between_samples_of_one_distribution(latent_dim):
    assert_mean_is(repeated_mmds(0.0, latent_dim), 0.0)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_squared_mmd_averages_to_the_closed_form_between_normals(latent_dim):
    """For d ~ N(m, 2) in each of D dimensions, E exp(−d²/D) = (1 + 4/D)^(−½) exp(−m²/(D + 4))."""
    distance = 1.5**2 * latent_dim
    at_zero = (1 + 4 / latent_dim) ** (-latent_dim / 2)
    expected = 2 * at_zero * (1 - math.exp(-distance / (latent_dim + 4)))
    assert_mean_is(repeated_mmds(1.5, latent_dim), expected)


def test_squared_mmd_is_symmetric():
    torch.manual_seed(0)
    a, b = torch.randn(2, 7, 3, dtype=torch.float64)
    torch.testing.assert_close(squared_mmd(a, b), squared_mmd(b, a))


def test_squared_mmd_of_far_away_points_is_what_remains_within_each():
    torch.manual_seed(0)
    a, b = torch.randn(2, 7, 3, dtype=torch.float64)
    far = squared_mmd(a, b + 1000)
    torch.testing.assert_close(far, squared_mmd(a, a - 1000) / 2 + squared_mmd(b, b + 1000) / 2)


def test_squared_mmd_has_finite_gradients_where_points_coincide():
    points = torch.zeros(4, 2, requires_grad=True)
    mmd = squared_mmd(points, torch.zeros(4, 2))
    assert gradient_of(mmd, [points]).isfinite().all()


def test_one_point_has_no_pairs():
    with pytest.raises(ValueError, match="at least two images in a batch"):
        squared_mmd(torch.zeros(1, 3), torch.zeros(1, 3))


def test_with_alpha_zero_and_weight_one_it_is_the_elbo(draw):
    value = InfoVAE(0.0, 1.0, 3)(draw, 0.0).value
    torch.testing.assert_close(value, ELBO(1.0, "analytic", 3, {})(draw, 0.0).value)


@pytest.mark.parametrize(("alpha", "weight"), [(1.0, 500.0), (0.5, 10.0), (-1.0, 3.0)])
def test_the_kl_is_weighted_by_one_less_alpha_and_the_mmd_by_the_rest(draw, alpha, weight):
    torch.manual_seed(0)
    bound = InfoVAE(alpha, weight, 3)(draw, 0.0)
    torch.manual_seed(0)
    mmd = squared_mmd(draw.z[0], draw.p.sample((5,)))
    torch.testing.assert_close(bound.parts["mmd"], mmd.expand(5))
    expected = draw.log_px.mean(0) - (1 - alpha) * draw.kl - (alpha + weight - 1) * mmd
    torch.testing.assert_close(bound.value, expected)


def test_with_alpha_one_the_encoder_is_moved_by_the_mmd_and_not_by_the_kl(draw, bernoulli_model):
    objective = InfoVAE(1.0, 500.0, 3)
    bound = objective(draw, 0.0)
    expected = draw.log_px.mean(0).mean() - 500.0 * bound.parts["mmd"].mean()
    encoder = list(bernoulli_model.encoder.parameters())
    moved = gradient_of(bound.value.mean(), encoder)
    torch.testing.assert_close(moved, gradient_of(expected, encoder))
    assert gradient_of(bound.parts["mmd"].mean(), encoder).abs().sum() > 0


def test_several_groups_of_latents_and_a_mixture_are_refused(bernoulli_model):
    bernoulli_model.prior = MixtureOfGaussians(2, 3, 1.0, "diagonal")
    for model in (ladder(), bernoulli_model):
        with pytest.raises(ValueError, match="info_vae needs one group of latents, and a prior"):
            InfoVAE(1.0, 500.0, 1).check(model)
