"""Priors: the model's encode → p(z). For flows see test_flows.py."""

import math

import pytest
import torch
from flow_models import flow_posterior
from gradients import gradient_of
from linear_gaussian import exact_elbo, linear_gaussian
from monte_carlo import assert_mean_is
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_lab.model.posteriors import Deterministic
from vae_lab.model.priors import MixtureOfGaussians, StandardNormal, VampPrior
from vae_lab.objectives import ELBO

SHAPE = (1, 4, 4)


def no_encoder(x):
    raise AssertionError("this prior has no use for the encoder")


@pytest.fixture
def vamp_model(bernoulli_model):
    """A VAE with a VampPrior of three pseudo-inputs."""
    bernoulli_model.prior = VampPrior(SHAPE, num_components=3, noise=0.1)
    return bernoulli_model


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_standard_normal_has_one_event_of_latent_dim(latent_dim):
    p = StandardNormal(latent_dim)(no_encoder)
    assert p.batch_shape == ()
    assert p.event_shape == (latent_dim,)


def test_standard_normal_density_is_its_formula():
    torch.manual_seed(0)
    z = torch.randn(4, 5, 3, dtype=torch.float64)
    expected = -0.5 * z.square().sum(-1) - 1.5 * math.log(2 * math.pi)
    torch.testing.assert_close(StandardNormal(3).double()(no_encoder).log_prob(z), expected)


def test_standard_normal_samples_are_standard_and_uncorrelated():
    torch.manual_seed(0)
    z = StandardNormal(3)(no_encoder).sample((20_000,))
    assert_mean_is(z, 0.0)
    assert_mean_is(z[:, :, None] * z[:, None, :], torch.eye(3))


def test_standard_normal_follows_the_module_to_another_dtype():
    assert StandardNormal(2).double()(no_encoder).sample().dtype == torch.float64


def test_standard_normal_has_nothing_to_train_or_to_save():
    prior = StandardNormal(2)
    assert list(prior.parameters()) == []
    assert prior.state_dict() == {}


def test_a_mixture_of_gaussians_is_a_mixture_of_its_parameters():
    torch.manual_seed(0)
    prior = MixtureOfGaussians(2, 5, 1.0, "diagonal").double()
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter)
    components = Independent(Normal(prior.means, prior.log_scales.exp()), 1)
    expected = MixtureSameFamily(Categorical(logits=prior.logits), components)
    z = torch.randn(7, 2, dtype=torch.float64)
    torch.testing.assert_close(prior(no_encoder).log_prob(z), expected.log_prob(z))


def test_a_mixture_of_gaussians_begins_with_means_of_that_spread_and_is_wholly_learned():
    torch.manual_seed(0)
    prior = MixtureOfGaussians(2, 5000, 3.0, "diagonal")
    assert_mean_is(prior.means.detach().square(), 9.0)
    p = prior(no_encoder)
    torch.testing.assert_close(p.log_scales, torch.zeros(5000, 2))
    torch.testing.assert_close(p.log_weights, torch.full((5000,), -math.log(5000)))
    log_pz = p.log_prob(torch.randn(7, 2)).sum()
    assert all(gradient_of(log_pz, [weight]).abs().sum() > 0 for weight in prior.parameters())


@pytest.mark.parametrize("num_components", [1, 4])
def test_a_mixture_without_spread_begins_as_the_standard_normal(num_components):
    torch.manual_seed(0)
    z = torch.randn(7, 5, 3, dtype=torch.float64)
    mixture = MixtureOfGaussians(3, num_components, spread=0.0, covariance="diagonal").double()(
        no_encoder
    )
    normal = StandardNormal(3).double()(no_encoder)
    torch.testing.assert_close(mixture.log_prob(z), normal.log_prob(z))
    torch.testing.assert_close(mixture.mean, normal.mean)
    torch.testing.assert_close(mixture.variance, normal.variance)


def test_the_elbo_under_one_standard_component_is_that_under_the_standard_normal(gaussian_images):
    model = linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
    expected = exact_elbo(model, gaussian_images).detach()
    model.prior = MixtureOfGaussians(2, 1, 0.0, "diagonal").double()
    torch.manual_seed(0)
    draw = model.draw(gaussian_images.repeat(5000, 1, 1, 1), 1)
    elbos = ELBO(1.0, "analytic", 1, {})(draw, 0.0).value.detach()
    assert_mean_is(elbos.reshape(5000, 4), expected)


def test_a_vampprior_is_the_mixture_of_the_posteriors_of_its_pseudo_inputs(vamp_model):
    vamp_model.double()
    q = vamp_model.encode(vamp_model.prior.pseudo_inputs)
    components = Independent(Normal(q.mean, q.stddev), 1)
    expected = MixtureSameFamily(Categorical(torch.ones(3, dtype=torch.float64)), components)
    z = torch.randn(7, 5, 2, dtype=torch.float64)
    p = vamp_model.prior(vamp_model.encode)
    assert (p.batch_shape, p.event_shape) == ((), (2,))
    torch.testing.assert_close(p.log_prob(z), expected.log_prob(z))


def test_an_image_that_is_the_only_pseudo_input_costs_no_information(bernoulli_model):
    bernoulli_model.prior = VampPrior(SHAPE, num_components=1, noise=0.0)
    bernoulli_model.double()
    draw = bernoulli_model.draw(bernoulli_model.prior.pseudo_inputs.detach(), 5)
    torch.testing.assert_close(draw.log_pz, draw.log_qz)
    torch.testing.assert_close(draw.kl, torch.zeros_like(draw.kl))


def test_pseudo_inputs_beyond_the_range_of_pixels_count_as_its_ends(vamp_model):
    pseudo_inputs = vamp_model.prior.pseudo_inputs
    with torch.no_grad():
        pseudo_inputs.copy_(3 * torch.randn_like(pseudo_inputs))
        held = vamp_model.encode(pseudo_inputs.clamp(0, 1))
    torch.testing.assert_close(vamp_model.prior(vamp_model.encode).means, held.mean)


def test_gradients_of_the_prior_reach_the_pseudo_inputs_and_the_encoder(vamp_model, binary_images):
    log_pz = vamp_model.draw(binary_images, 2).log_pz.sum()
    for parameter in (vamp_model.prior.pseudo_inputs, *vamp_model.encoder.parameters()):
        assert gradient_of(log_pz, [parameter]).abs().sum() > 0
    fixed = vamp_model.prior(vamp_model.encode).log_prob(torch.zeros(2))
    for parameter in (vamp_model.prior.pseudo_inputs, *vamp_model.encoder.parameters()):
        assert gradient_of(fixed, [parameter]).abs().sum() > 0


def test_a_draw_under_a_vampprior_has_a_sampled_kl(vamp_model, binary_images):
    draw = vamp_model.draw(binary_images, 3)
    assert draw.kl_per_dim is None
    torch.testing.assert_close(draw.kl, (draw.log_qz - draw.log_pz).mean(0))


def test_pseudo_inputs_begin_as_the_first_images_if_there_is_no_noise():
    torch.manual_seed(0)
    images = torch.rand(5, *SHAPE)
    prior = VampPrior(SHAPE, num_components=3, noise=0.0)
    prior.initialize(lambda: images)
    torch.testing.assert_close(prior.pseudo_inputs.detach(), images[:3], rtol=0, atol=0)
    assert prior.pseudo_inputs.requires_grad


def test_pseudo_inputs_begin_with_noise_of_that_scale():
    torch.manual_seed(0)
    images = torch.rand(2000, *SHAPE) * 0.2 + 0.4  # ten scales from either end: nothing is cut
    prior = VampPrior(SHAPE, num_components=2000, noise=0.04)
    prior.initialize(lambda: images)
    noise = prior.pseudo_inputs.detach() - images
    assert_mean_is(noise, 0.0)
    assert_mean_is(noise.square(), 0.04**2)


def test_pseudo_inputs_begin_within_the_range_of_pixels():
    torch.manual_seed(0)
    prior = VampPrior(SHAPE, num_components=50, noise=0.5)
    prior.initialize(lambda: torch.rand(50, *SHAPE).round())
    assert prior.pseudo_inputs.min() == 0
    assert prior.pseudo_inputs.max() == 1


def test_more_pseudo_inputs_than_images_are_refused():
    prior = VampPrior(SHAPE, num_components=3, noise=0.1)
    with pytest.raises(ValueError, match=r"num_components must be at most 2, .* got 3"):
        prior.initialize(lambda: torch.rand(2, *SHAPE))


@pytest.mark.parametrize("num_components", [0, -1])
def test_a_mixture_without_components_is_refused(num_components):
    message = f"num_components must be at least 1, got {num_components}"
    with pytest.raises(ValueError, match=message):
        VampPrior(SHAPE, num_components, noise=0.1)
    with pytest.raises(ValueError, match=message):
        MixtureOfGaussians(2, num_components, spread=1.0, covariance="diagonal")


@pytest.mark.parametrize("posterior", [Deterministic(2), flow_posterior("affine").float()])
def test_a_vampprior_refuses_a_posterior_that_is_not_normal(posterior):
    prior = VampPrior(SHAPE, num_components=3, noise=0.1)
    with pytest.raises(ValueError, match="vampprior is a mixture of normals"):
        prior(lambda x: posterior(torch.zeros(len(x), posterior.num_parameters)))
