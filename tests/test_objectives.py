"""Objectives: exact values, limits, and gradients against the closed form."""

import dataclasses

import pytest
import torch

from linear_gaussian import exact_elbo, exact_log_px, linear_gaussian
from monte_carlo import assert_mean_at_most, assert_mean_is
from vae_lab.evaluation import log_marginal
from vae_lab.objectives import ELBO, Autoencoder, elbo_parts
from vae_lab.posteriors import Deterministic
from vae_lab.schedules import LinearWarmup
from vae_lab.vae import Draw

WARMUP = {"warmup": LinearWarmup(start=0.0, end=1.0, epochs=10)}


@pytest.fixture
def draw(bernoulli_model, binary_images):
    """Three samples for each of five images."""
    torch.manual_seed(0)
    return bernoulli_model.draw(binary_images, 3)


@pytest.fixture
def plain_autoencoder(bernoulli_model):
    """The same decoder behind an encoder that gives a point."""
    torch.manual_seed(0)
    bernoulli_model.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    bernoulli_model.posterior = Deterministic(2)
    return bernoulli_model


def repeated_elbos(model, x, repeats):
    """Score independent one-sample draws, (repeats, B)."""
    torch.manual_seed(0)
    draw = model.draw(x.repeat(repeats, 1, 1, 1), 1)
    return ELBO(1.0, 1, {})(draw, epoch=0.0).value.reshape(repeats, len(x)).detach()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("num_samples", [1, 7])
def test_elbo_equals_log_px_under_the_true_posterior_when_the_kl_is_sampled(
    gaussian_images, num_samples, seed
):
    torch.manual_seed(seed)
    model = linear_gaussian("full")
    bound = ELBO(1.0, num_samples, {})(model.draw(gaussian_images, num_samples), epoch=0.0)
    torch.testing.assert_close(bound.value, exact_log_px(model, gaussian_images))


def test_elbo_averages_to_log_px_under_the_true_posterior_when_the_kl_is_exact(gaussian_images):
    model = linear_gaussian("diagonal")
    elbos = repeated_elbos(model, gaussian_images, 20_000)
    assert_mean_is(elbos, exact_log_px(model, gaussian_images).detach())


def test_elbo_averages_to_its_closed_form_below_log_px_under_a_wrong_posterior(
    wrong_model, gaussian_images
):
    elbos = repeated_elbos(wrong_model, gaussian_images, 20_000)
    assert_mean_is(elbos, exact_elbo(wrong_model, gaussian_images).detach())
    assert_mean_at_most(elbos, exact_log_px(wrong_model, gaussian_images).detach())


def gradients(model, value):
    """Return the gradient of ``value`` in all parameters, as one vector."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(model.parameters()))])


def test_surrogate_gradients_average_to_those_of_the_closed_form(wrong_model, gaussian_images):
    torch.manual_seed(0)
    objective = ELBO(1.0, 1, {})
    surrogates = (
        objective(wrong_model.draw(gaussian_images, 1), 0.0).surrogate for _ in range(400)
    )
    estimates = torch.stack([gradients(wrong_model, surrogate) for surrogate in surrogates])
    exact = gradients(wrong_model, exact_elbo(wrong_model, gaussian_images).mean())
    assert_mean_is(estimates, exact)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1, 4.0])
def test_value_is_reconstruction_less_beta_times_kl(draw, beta):
    bound = ELBO(beta, 3, {})(draw, epoch=7.0)
    torch.testing.assert_close(bound.value, draw.log_px.mean(0) - beta * draw.kl)
    torch.testing.assert_close(bound.surrogate, bound.value.mean())
    assert bound.scheduled == {"beta": beta}


def test_beta_zero_leaves_reconstruction(draw):
    bound = ELBO(0.0, 3, {})(draw, epoch=0.0)
    torch.testing.assert_close(bound.value, bound.parts["reconstruction"], rtol=0, atol=0)


def test_beta_one_is_the_elbo(draw):
    bound = ELBO(1.0, 3, {})(draw, epoch=0.0)
    torch.testing.assert_close(bound.value, bound.parts["elbo"], rtol=0, atol=0)


@pytest.mark.parametrize(("epoch", "beta"), [(0, 0.0), (2.5, 0.25), (10, 1.0), (99, 1.0)])
def test_beta_follows_the_schedule_of_its_name(draw, epoch, beta):
    bound = ELBO("warmup", 3, WARMUP)(draw, epoch)
    torch.testing.assert_close(bound.value, draw.log_px.mean(0) - beta * draw.kl)
    assert bound.scheduled == {"beta": beta}


@pytest.mark.parametrize("beta", [0.0, 4.0, "warmup"])
def test_parts_stay_unweighted_whatever_beta(draw, beta):
    parts = ELBO(beta, 3, WARMUP)(draw, epoch=3.0).parts
    torch.testing.assert_close(parts["elbo"], draw.log_px.mean(0) - draw.kl)
    torch.testing.assert_close(parts["reconstruction"], draw.log_px.mean(0))
    torch.testing.assert_close(parts["kl"], draw.kl)


def test_permuting_the_samples_leaves_the_value(draw):
    order = torch.tensor([2, 0, 1])
    terms = {name: getattr(draw, name)[order] for name in ("log_px", "log_pz", "log_qz")}
    permuted: Draw = dataclasses.replace(draw, **terms)
    objective = ELBO(2.0, 3, {})
    torch.testing.assert_close(objective(permuted, 0.0).value, objective(draw, 0.0).value)


def test_a_beta_without_a_schedule_of_that_name_is_refused():
    message = "'warmpu' is neither a number nor a schedule; choose from warmup"
    with pytest.raises(ValueError, match=message):
        ELBO("warmpu", 1, WARMUP)


def test_autoencoder_value_is_log_px_at_the_mean(plain_autoencoder, binary_images):
    bound = Autoencoder()(plain_autoencoder.draw(binary_images, Autoencoder.num_samples), 0.0)
    code = plain_autoencoder.encode(binary_images).mean
    expected = plain_autoencoder.decode(code).log_prob(binary_images)
    torch.testing.assert_close(bound.value, expected)
    torch.testing.assert_close(bound.surrogate, expected.mean())


def test_autoencoder_reports_no_bound(plain_autoencoder, binary_images):
    bound = Autoencoder()(plain_autoencoder.draw(binary_images, 1), 0.0)
    assert set(bound.parts) == {"reconstruction"}


def test_autoencoder_gradients_reach_every_parameter(plain_autoencoder, binary_images):
    Autoencoder()(plain_autoencoder.draw(binary_images, 1), 0.0).surrogate.backward()
    assert all(p.grad.abs().sum() > 0 for p in plain_autoencoder.parameters())


@pytest.mark.parametrize("num_samples", [1, 3])
def test_every_bound_is_minus_infinity_for_a_point_mass(
    plain_autoencoder, binary_images, num_samples
):
    draw = plain_autoencoder.draw(binary_images, num_samples)
    assert (elbo_parts(draw)["elbo"] == -torch.inf).all()
    assert (ELBO(0.5, num_samples, {})(draw, 0.0).value == -torch.inf).all()
    assert (log_marginal(plain_autoencoder, binary_images, num_samples) == -torch.inf).all()
