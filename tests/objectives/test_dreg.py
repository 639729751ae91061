"""The doubly reparameterised gradient (Tucker et al. 2019): right, exact, and less noisy."""

import copy
from functools import partial

import pytest
import torch
from flow_models import FLOWS as FLOW_CLASSES
from flow_models import flow_model, normal_model
from gradients import gradient_of
from linear_gaussian import linear_gaussian
from monte_carlo import assert_mean_is, standard_error
from torch import nn

from vae_lab.model.likelihoods import OptimalNormal
from vae_lab.model.priors import FlowPrior, MixtureOfGaussians, VampPrior
from vae_lab.objectives import ELBO, IWAE

MODELS = {
    "normal": lambda: linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3),
    "full normal": lambda: linear_gaussian("full", mean_factor=0.6, scale_factor=1.3),
    "affine flow": lambda: flow_model("affine"),
    "spline flow": lambda: flow_model("spline"),
}
PRIORS = {
    "vampprior": lambda: VampPrior((1, 4, 4), num_components=3, noise=0.0),
    "flow": lambda: FlowPrior(2, FLOW_CLASSES["affine"]),
}
NORMALS = ["normal", "full normal"]
FLOWS = ["affine flow", "spline flow"]


@pytest.fixture(params=NORMALS)
def model(request):
    return MODELS[request.param]()


def images_for(model):
    torch.manual_seed(0)
    return torch.rand(3, *model.image_shape, dtype=torch.float64).round()


def draw_and_bound(model, num_samples, dreg, seed=0):
    x, objective = images_for(model), IWAE(num_samples, dreg)
    torch.manual_seed(seed)
    draw = model.draw(x, num_samples, objective.path_gradient)
    return draw, objective(draw, 0.0)


def encoder_of(model):
    return [*model.encoder.parameters(), *model.posterior.parameters()]


@pytest.fixture(scope="module", params=NORMALS)
def pair_of_gradients(request):
    """The encoder's plain and doubly reparameterised gradients of 300 draws of five samples."""
    model, pair = MODELS[request.param](), []
    for dreg in (False, True):
        bounds = (draw_and_bound(model, 5, dreg, seed)[1] for seed in range(300))
        gradients = [gradient_of(bound.value.mean(), encoder_of(model)) for bound in bounds]
        pair.append(torch.stack(gradients))
    return pair


@pytest.mark.parametrize("name", MODELS)
def test_the_value_is_that_of_iwae(name):
    model = MODELS[name]()
    (_, plain), (_, dreg) = (draw_and_bound(model, 5, dreg) for dreg in (False, True))
    torch.testing.assert_close(dreg.value, plain.value)
    assert dreg.parts.keys() == plain.parts.keys()


@pytest.mark.parametrize("name", MODELS)
def test_decoder_likelihood_and_prior_have_the_plain_gradient_of_the_same_draw(name):
    model = MODELS[name]()
    model.prior = MixtureOfGaussians(2, 3, 1.0, "diagonal").double()
    slots = (model.decoder, model.likelihood, model.prior)
    parameters = [parameter for slot in slots for parameter in slot.parameters()]
    plain, dreg = (
        gradient_of(draw_and_bound(model, 5, dreg)[1].value.mean(), parameters)
        for dreg in (False, True)
    )
    torch.testing.assert_close(dreg, plain)


@pytest.mark.parametrize("name", [*NORMALS, *FLOWS])
def test_the_encoder_follows_squared_weights_times_the_gradient_of_each_sample(name):
    """Σ_k w̃_k² ∂log w_k/∂z_k ∂z_k/∂φ (eq. 8), with w̃ the normalised weights."""
    model = MODELS[name]()
    draw, bound = draw_and_bound(model, 5, dreg=True)
    weights = draw.log_w.detach().softmax(0)[..., None]
    x = images_for(model)
    torch.manual_seed(0)
    again = model.draw(x, 5, path_gradient=True)  # the same latents, without a hook on them
    per_sample = torch.autograd.grad(again.log_w.sum(), again.z, retain_graph=True)[0]
    followed = (weights.square() * per_sample * again.z).sum() / 3
    expected = gradient_of(followed, encoder_of(model))
    torch.testing.assert_close(gradient_of(bound.value.mean(), encoder_of(model)), expected)


@pytest.mark.slow
def test_the_encoder_follows_the_plain_gradient_in_expectation(pair_of_gradients):
    plain, dreg = pair_of_gradients
    assert_mean_is(dreg - plain, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "prior"), [(normal_model, "vampprior"), (partial(flow_model, "affine"), "flow")]
)
def test_the_plain_gradient_is_expected_whatever_prior_and_posterior_share(build, prior):
    model = build()
    model.prior = PRIORS[prior]().double()
    parameters = list(model.parameters())
    differences = []
    for seed in range(200):
        plain, dreg = (
            gradient_of(draw_and_bound(model, 5, dreg, seed)[1].value.mean(), parameters)
            for dreg in (False, True)
        )
        differences.append(dreg - plain)
    stacked = torch.stack(differences)
    assert_mean_is(stacked[:, stacked.std(0) > 1e-12], 0.0)


@pytest.mark.slow
def test_the_encoders_gradient_is_less_noisy_than_the_plain_one(pair_of_gradients):
    """The ratio of total variances is below one by four standard errors (delta method)."""
    logs, errors = [], []
    for gradients in pair_of_gradients:
        squares = (gradients - gradients.mean(0)).square().sum(1)
        logs.append(squares.mean().log())
        errors.append(standard_error(squares) / squares.mean())
    log_ratio, error = logs[1] - logs[0], torch.stack(errors).norm()
    assert log_ratio + 4 * error < 0


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_no_draw_moves_an_encoder_that_is_right_already(covariance):
    model = linear_gaussian(covariance)
    plain, dreg = (
        gradient_of(draw_and_bound(model, 5, dreg)[1].value.mean(), model.encoder.parameters())
        for dreg in (False, True)
    )
    torch.testing.assert_close(dreg, torch.zeros_like(dreg))
    assert plain.abs().max() > 0.1


def test_one_sample_makes_it_the_path_gradient_of_the_elbo(model):
    draw, bound = draw_and_bound(model, 1, dreg=True)
    dreg = gradient_of(bound.value.mean(), encoder_of(model))
    path = gradient_of(ELBO(1.0, "sampled", 1, {})(draw, 0.0).value.mean(), encoder_of(model))
    torch.testing.assert_close(dreg, path)


def test_a_draw_without_gradients_is_scored_all_the_same(model):
    with torch.no_grad():
        value = draw_and_bound(model, 5, dreg=True)[1].value
    torch.testing.assert_close(value, draw_and_bound(model, 5, dreg=False)[1].value)


def test_path_gradients_are_asked_for_only_by_the_doubly_reparameterised_one():
    assert IWAE(5, dreg=True).path_gradient
    assert not IWAE(5, dreg=False).path_gradient


def test_images_that_share_statistics_are_refused(bernoulli_model):
    IWAE(5, dreg=True).check(bernoulli_model)
    normalised = copy.deepcopy(bernoulli_model)
    normalised.decoder = nn.Sequential(nn.BatchNorm1d(2), normalised.decoder)
    bernoulli_model.likelihood = OptimalNormal(momentum=0.05)
    for model in (normalised, bernoulli_model):
        IWAE(5, dreg=False).check(model)
        with pytest.raises(ValueError, match="biased where images of a batch share statistics"):
            IWAE(5, dreg=True).check(model)
