"""The ELBO: exact values, limits, and gradients against the closed form."""

import dataclasses

import pytest
import torch
from gradients import gradient_of
from linear_gaussian import exact_elbo, exact_log_px, linear_gaussian
from monte_carlo import assert_mean_at_most, assert_mean_is

from vae_lab.model.contract import Draw, known
from vae_lab.objectives import ELBO
from vae_lab.objectives.schedules import LinearWarmup

WARMUP = {"warmup": LinearWarmup(start=0.0, end=1.0, epochs=10)}


def repeated_elbos(model, x, repeats, kl):
    """Score independent one-sample draws, (repeats, B)."""
    torch.manual_seed(0)
    draw = model.draw(x.repeat(repeats, 1, 1, 1), 1)
    return ELBO(1.0, kl, 1, {})(draw, epoch=0.0).value.reshape(repeats, len(x)).detach()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("num_samples", [1, 7])
def test_elbo_equals_log_px_under_the_true_posterior_when_the_kl_is_sampled(
    true_model, gaussian_images, num_samples, seed
):
    torch.manual_seed(seed)
    objective = ELBO(1.0, "sampled", num_samples, {})
    bound = objective(true_model.draw(gaussian_images, num_samples), epoch=0.0)
    torch.testing.assert_close(bound.value, exact_log_px(true_model, gaussian_images))


def test_a_kl_without_a_formula_is_sampled_even_when_asked_for_analytically(gaussian_images):
    torch.manual_seed(0)
    draw = linear_gaussian("full", scale_factor=1.3).draw(gaussian_images, 3)
    values = [ELBO(1.0, kl, 3, {})(draw, 0.0).value for kl in ("analytic", "sampled")]
    torch.testing.assert_close(*values)


def test_elbo_averages_to_log_px_under_the_true_posterior_when_the_kl_is_exact(gaussian_images):
    model = linear_gaussian("diagonal")
    elbos = repeated_elbos(model, gaussian_images, 20_000, "analytic")
    assert_mean_is(elbos, exact_log_px(model, gaussian_images).detach())


@pytest.mark.parametrize("kl", ["analytic", "sampled"])
def test_elbo_averages_to_its_closed_form_below_log_px_under_a_wrong_posterior(
    wrong_model, gaussian_images, kl
):
    elbos = repeated_elbos(wrong_model, gaussian_images, 20_000, kl)
    assert_mean_is(elbos, exact_elbo(wrong_model, gaussian_images).detach())
    assert_mean_at_most(elbos, exact_log_px(wrong_model, gaussian_images).detach())


@pytest.mark.parametrize("kl", ["analytic", "sampled"])
def test_gradients_average_to_those_of_the_closed_form(wrong_model, gaussian_images, kl):
    torch.manual_seed(0)
    objective = ELBO(1.0, kl, 1, {})
    parameters, x = list(wrong_model.parameters()), gaussian_images.repeat(10, 1, 1, 1)
    values = (objective(wrong_model.draw(x, 1), 0.0).value.mean() for _ in range(50))
    estimates = torch.stack([gradient_of(value, parameters) for value in values])
    exact = gradient_of(exact_elbo(wrong_model, gaussian_images).mean(), parameters)
    assert_mean_is(estimates, exact)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1, 4.0])
def test_value_is_reconstruction_less_beta_times_kl(draw, beta):
    bound = ELBO(beta, "analytic", 3, {})(draw, epoch=7.0)
    torch.testing.assert_close(bound.value, draw.log_px.mean(0) - beta * draw.kl)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1, 4.0])
def test_value_with_a_sampled_kl_is_reconstruction_less_beta_times_the_log_ratio(draw, beta):
    bound = ELBO(beta, "sampled", 3, {})(draw, epoch=7.0)
    expected = (draw.log_px - beta * (draw.log_qz - draw.log_pz)).mean(0)
    torch.testing.assert_close(bound.value, expected)
    torch.testing.assert_close(bound.parts["kl"], draw.kl)


def test_beta_zero_leaves_reconstruction(draw):
    bound = ELBO(0.0, "analytic", 3, {})(draw, epoch=0.0)
    torch.testing.assert_close(bound.value, bound.parts["reconstruction"], rtol=0, atol=0)


def test_beta_one_is_the_elbo(draw):
    bound = ELBO(1.0, "analytic", 3, {})(draw, epoch=0.0)
    torch.testing.assert_close(bound.value, bound.parts["elbo"], rtol=0, atol=0)


@pytest.mark.parametrize(("epoch", "beta"), [(0, 0.0), (2.5, 0.25), (10, 1.0), (99, 1.0)])
def test_beta_follows_the_schedule_of_its_name(draw, epoch, beta):
    bound = ELBO("warmup", "analytic", 3, WARMUP)(draw, epoch)
    torch.testing.assert_close(bound.value, draw.log_px.mean(0) - beta * draw.kl)


def test_permuting_the_samples_leaves_the_value(draw):
    order = torch.tensor([2, 0, 1])
    permuted: Draw = dataclasses.replace(
        draw,
        log_px=draw.log_px[order],
        prior_density=known(draw.log_pz[order]),
        posterior_density=known(draw.log_qz[order]),
    )
    objective = ELBO(2.0, "analytic", 3, {})
    torch.testing.assert_close(objective(permuted, 0.0).value, objective(draw, 0.0).value)


def test_a_beta_without_a_schedule_of_that_name_is_refused():
    message = "'warmpu' is neither a number nor a schedule; choose from warmup"
    with pytest.raises(ValueError, match=message):
        ELBO("warmpu", "analytic", 1, WARMUP)


@pytest.mark.parametrize("kl", ["exact", "", None])
def test_a_kl_that_is_neither_analytic_nor_sampled_is_refused(kl):
    with pytest.raises(ValueError, match="kl must be one of analytic, sampled, got"):
        ELBO(1.0, kl, 1, {})
