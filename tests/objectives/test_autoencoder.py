"""The plain autoencoder: a reconstruction, and no bound."""

import pytest
import torch

from vae_lab.evaluation.likelihood import importance_sample
from vae_lab.model.posteriors import Deterministic
from vae_lab.model.priors import MixtureOfGaussians
from vae_lab.objectives import ELBO, Autoencoder, elbo_parts


@pytest.fixture
def plain_autoencoder(bernoulli_model):
    """The same decoder behind an encoder that gives a point."""
    torch.manual_seed(0)
    bernoulli_model.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    bernoulli_model.posterior = Deterministic(2)
    return bernoulli_model


def test_autoencoder_value_is_log_px_at_the_mean(plain_autoencoder, binary_images):
    bound = Autoencoder()(plain_autoencoder.draw(binary_images, Autoencoder().num_samples), 0.0)
    code = plain_autoencoder.encode(binary_images).mean
    expected = plain_autoencoder.decode(code).log_prob(binary_images)
    torch.testing.assert_close(bound.value, expected)


def test_autoencoder_reports_no_bound(plain_autoencoder, binary_images):
    bound = Autoencoder()(plain_autoencoder.draw(binary_images, 1), 0.0)
    assert set(bound.parts) == {"reconstruction"}


def test_autoencoder_gradients_reach_every_parameter(plain_autoencoder, binary_images):
    Autoencoder()(plain_autoencoder.draw(binary_images, 1), 0.0).value.mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in plain_autoencoder.parameters())


@pytest.mark.parametrize("num_samples", [1, 3])
def test_every_bound_is_minus_infinity_for_a_point_mass(
    plain_autoencoder, binary_images, num_samples
):
    draw = plain_autoencoder.draw(binary_images, num_samples)
    assert (elbo_parts(draw)["elbo"] == -torch.inf).all()
    assert (ELBO(0.5, "analytic", num_samples, {})(draw, 0.0).value == -torch.inf).all()
    assert (
        importance_sample(plain_autoencoder, binary_images, num_samples).log_px == -torch.inf
    ).all()


def test_a_prior_that_would_learn_nothing_is_refused(bernoulli_model):
    bernoulli_model.posterior = Deterministic(2)
    Autoencoder().check(bernoulli_model)
    bernoulli_model.prior = MixtureOfGaussians(2, 3, 1.0, "diagonal")
    with pytest.raises(ValueError, match=r"teaches the prior nothing.*fit_prior\.py"):
        Autoencoder().check(bernoulli_model)
