"""Path gradients: log q(z|x) that passes gradients through z alone (Roeder et al. 2017)."""

import pytest
import torch
from flow_models import flow_model
from gradients import gradient_of
from linear_gaussian import linear_gaussian
from monte_carlo import assert_mean_is


def wrong_linear_gaussian():
    return linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)


MODELS = {
    "normal": wrong_linear_gaussian,
    "affine flow": lambda: flow_model("affine"),
    "spline flow": lambda: flow_model("spline"),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def images_for(model):
    torch.manual_seed(0)
    return torch.rand(3, *model.image_shape, dtype=torch.float64).round()


def encoder_of(model):
    """Return all parameters of q(z|x)."""
    return [*model.encoder.parameters(), *model.posterior.parameters()]


def pair_of_draws(model, num_samples, seed=0):
    """Return a draw with plain gradients and one with path gradients, of the same latents."""
    draws, x = [], images_for(model)
    for path_gradient in (False, True):
        torch.manual_seed(seed)
        draws.append(model.draw(x, num_samples, path_gradient))
    return draws


def test_every_term_has_the_same_value(model):
    plain, path = pair_of_draws(model, 4)
    for term in ("z", "log_px", "log_pz", "log_qz", "kl"):
        torch.testing.assert_close(getattr(path, term), getattr(plain, term))


@pytest.mark.parametrize(
    "kind",
    ["normal", "affine flow", "spline flow"],
)
def test_log_qz_sends_gradients_through_the_latents_and_no_other_way(kind):
    model = MODELS[kind]()
    path = pair_of_draws(model, 4)[1]
    through_z = torch.autograd.grad(path.log_qz.sum(), path.z, retain_graph=True)[0]
    expected = gradient_of((path.z * through_z).sum(), encoder_of(model))
    torch.testing.assert_close(gradient_of(path.log_qz.sum(), encoder_of(model)), expected)


def test_gradients_of_decoder_and_prior_are_the_plain_ones(model):
    parameters = [*model.decoder.parameters(), *model.likelihood.parameters()]
    plain, path = (gradient_of(draw.log_w.sum(), parameters) for draw in pair_of_draws(model, 4))
    torch.testing.assert_close(path, plain)


@pytest.mark.slow
def test_the_encoder_follows_the_plain_gradient_of_log_w_in_expectation(model):
    """The two differ by the score, Σ ∂log q(z|x)/∂φ at fixed z, whose expectation is zero."""
    differences = []
    for seed in range(40):
        plain, path = (
            gradient_of(draw.log_w.mean(), encoder_of(model))
            for draw in pair_of_draws(model, 20, seed)
        )
        differences.append(path - plain)
    difference = torch.stack(differences)
    moved = difference.std(0) > 1e-12  # no weight behind a pixel that is black in all images
    assert moved.any()
    assert_mean_is(difference[:, moved], 0.0)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_no_draw_moves_an_encoder_that_is_right_already(covariance):
    model = linear_gaussian(covariance)
    plain, path = (
        gradient_of(draw.log_w.sum(), model.encoder.parameters())
        for draw in pair_of_draws(model, 4)
    )
    torch.testing.assert_close(path, torch.zeros_like(path))
    assert plain.abs().max() > 0.1
