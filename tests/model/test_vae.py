"""The seam: what a Draw promises, for exact, wrong, factorised and full posteriors."""

import copy
from dataclasses import FrozenInstanceError
from functools import partial

import pytest
import torch
import zuko
from linear_gaussian import exact_elbo, exact_kl, exact_log_px, images_of, linear_gaussian
from monte_carlo import assert_mean_at_most, assert_mean_is
from torch import nn
from torch.distributions import Independent, Normal

from vae_lab.model.likelihoods import Bernoulli
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import DiagonalNormal, Posterior, SphericalPosterior
from vae_lab.model.priors import (
    FlowPrior,
    MixtureOfGaussians,
    StandardNormal,
    UniformSpherePrior,
    VampPrior,
)
from vae_lab.model.vae import VAE

TERMS = ("log_px", "log_pz", "log_qz", "log_w")


class SharedNoise(Normal):
    """A normal whose samples use the same noise for every image of a batch."""

    def rsample(self, sample_shape=()):
        noise = torch.randn(*sample_shape, 1, self.loc.shape[-1], dtype=torch.float64)
        return self.loc + self.scale * noise.to(self.loc)


class SharedNoisePosterior(Posterior):
    def forward(self, parameters):
        mean, log_scale = parameters.chunk(2, dim=-1)
        return Independent(SharedNoise(mean, log_scale.exp()), 1)


@pytest.fixture
def shared_noise_model(bernoulli_model):
    bernoulli_model.posterior = SharedNoisePosterior()
    return bernoulli_model


def seeded_draw(model, x, num_samples):
    torch.manual_seed(0)
    return model.draw(x, num_samples)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("num_samples", [1, 7])
def test_every_log_w_equals_log_px_under_the_true_posterior(
    true_model, gaussian_images, num_samples, seed
):
    torch.manual_seed(seed)
    log_w = true_model.draw(gaussian_images, num_samples).log_w
    expected = exact_log_px(true_model, gaussian_images).expand(num_samples, -1)
    torch.testing.assert_close(log_w, expected)


def test_log_w_averages_to_the_elbo_below_log_px_under_a_wrong_posterior(
    wrong_model, gaussian_images
):
    log_w = seeded_draw(wrong_model, gaussian_images, 20_000).log_w
    assert_mean_is(log_w, exact_elbo(wrong_model, gaussian_images))
    assert_mean_at_most(log_w, exact_log_px(wrong_model, gaussian_images))


def test_importance_weights_average_to_px_under_a_wrong_posterior(wrong_model, gaussian_images):
    log_w = seeded_draw(wrong_model, gaussian_images, 20_000).log_w
    assert_mean_is((log_w - exact_log_px(wrong_model, gaussian_images)).exp(), 1.0)


def test_log_w_is_its_three_terms_of_shape_samples_by_batch(bernoulli_model, binary_images):
    draw = seeded_draw(bernoulli_model, binary_images, 3)
    assert all(getattr(draw, term).shape == (3, 5) for term in TERMS)
    torch.testing.assert_close(draw.log_w, draw.log_px + draw.log_pz - draw.log_qz)
    assert draw.kl.shape == (5,)
    assert draw.kl_per_dim.shape == (5, 2)


def test_the_draw_carries_its_latents_and_the_distributions_that_score_them(
    bernoulli_model, binary_images
):
    draw = seeded_draw(bernoulli_model, binary_images, 3)
    assert draw.z.shape == (3, 5, 2)
    assert (draw.q.batch_shape, draw.q.event_shape) == ((5,), (2,))
    assert (draw.p.batch_shape, draw.p.event_shape) == ((), (2,))
    torch.testing.assert_close(draw.q.log_prob(draw.z), draw.log_qz)
    torch.testing.assert_close(draw.p.log_prob(draw.z), draw.log_pz)
    log_px = bernoulli_model.decode(draw.z).log_prob(binary_images)
    torch.testing.assert_close(log_px, draw.log_px)


def test_images_are_encoded_once_for_all_draws(bernoulli_model, binary_images):
    calls = []
    bernoulli_model.encoder.register_forward_hook(lambda *_: calls.append(1))
    draw = bernoulli_model.condition(binary_images)
    draws = [draw(2), draw(3)]
    assert len(calls) == 1
    assert [len(each.log_w) for each in draws] == [2, 3]
    assert draws[0].q is draws[1].q


def test_conditioning_and_then_drawing_is_drawing(bernoulli_model, binary_images):
    at_once = seeded_draw(bernoulli_model, binary_images, 3)
    draw = bernoulli_model.condition(binary_images)
    torch.manual_seed(0)
    in_two = draw(3)
    for term in (*TERMS, "kl", "kl_per_dim", "z"):
        torch.testing.assert_close(getattr(in_two, term), getattr(at_once, term), rtol=0, atol=0)


def test_a_factorised_kl_is_exact_and_shared_out_among_the_dimensions(gaussian_images):
    model = linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
    draw = seeded_draw(model, gaussian_images, 1)
    torch.testing.assert_close(draw.kl, exact_kl(model, gaussian_images))
    torch.testing.assert_close(draw.kl_per_dim.sum(-1), draw.kl)


def test_a_kl_without_a_formula_per_dimension_is_the_mean_over_the_samples(gaussian_images):
    model = linear_gaussian("full", mean_factor=0.6, scale_factor=1.3)
    draw = seeded_draw(model, gaussian_images, 5)
    assert draw.kl_per_dim is None
    torch.testing.assert_close(draw.kl, (draw.log_qz - draw.log_pz).mean(0))


def test_log_qz_minus_log_pz_averages_to_the_closed_form_kl(wrong_model, gaussian_images):
    draw = seeded_draw(wrong_model, gaussian_images, 20_000)
    assert_mean_is(draw.log_qz - draw.log_pz, exact_kl(wrong_model, gaussian_images))


def test_a_dimension_that_the_image_ignores_has_no_kl():
    model = linear_gaussian("diagonal", column_norms=(1.5, 0.0))
    kl_per_dim = seeded_draw(model, images_of(model, 4), 1).kl_per_dim
    assert (kl_per_dim[:, 0] > 0).all()
    torch.testing.assert_close(kl_per_dim[:, 1], torch.zeros_like(kl_per_dim[:, 1]))


def test_permuting_the_batch_permutes_the_draw(shared_noise_model, binary_images):
    order = torch.tensor([3, 0, 4, 1, 2])
    draw = seeded_draw(shared_noise_model, binary_images, 3)
    permuted = seeded_draw(shared_noise_model, binary_images[order], 3)
    for term in TERMS:
        torch.testing.assert_close(getattr(permuted, term), getattr(draw, term)[:, order])
    torch.testing.assert_close(permuted.kl, draw.kl[order])


def test_image_by_image_equals_the_batch(shared_noise_model, binary_images):
    draw = seeded_draw(shared_noise_model, binary_images, 3)
    singles = [seeded_draw(shared_noise_model, x[None], 3) for x in binary_images]
    for term in TERMS:
        together = torch.cat([getattr(single, term) for single in singles], dim=1)
        torch.testing.assert_close(together, getattr(draw, term))
    torch.testing.assert_close(torch.cat([single.kl for single in singles]), draw.kl)


def test_float32_agrees_with_float64_to_its_own_precision(shared_noise_model, binary_images):
    single = seeded_draw(shared_noise_model, binary_images, 3)
    model = copy.deepcopy(shared_noise_model).double()
    double = seeded_draw(model, binary_images.double(), 3)
    for term in (*TERMS, "kl"):
        assert getattr(double, term).dtype == torch.float64
        # float32 tolerance is assert_close's own, which it takes from the coarser dtype.
        torch.testing.assert_close(getattr(single, term), getattr(double, term).float())


def test_decoding_treats_leading_axes_alike(bernoulli_model):
    torch.manual_seed(0)
    z = torch.randn(3, 5, 2)
    together = bernoulli_model.decode(z)
    assert together.batch_shape == (3, 5)
    assert together.event_shape == (1, 4, 4)
    torch.testing.assert_close(together.mean[2, 4], bernoulli_model.decode(z[2, 4]).mean)


def test_reconstruction_is_the_decoded_posterior_mean(true_model, gaussian_images):
    layer, mean = true_model.decoder[0], true_model.encode(gaussian_images).mean
    expected = (mean @ layer.weight.T + layer.bias).reshape(gaussian_images.shape)
    torch.testing.assert_close(true_model.reconstruct(gaussian_images), expected)


def test_samples_are_decoded_from_the_prior(true_model):
    torch.manual_seed(0)
    images = true_model.sample(20_000).detach().flatten(1)
    layer = true_model.decoder[0]
    centred = images - layer.bias
    assert_mean_is(images, layer.bias.detach())
    products = centred[:, :, None] * centred[:, None, :]
    assert_mean_is(products.detach(), (layer.weight @ layer.weight.T).detach())


def test_samples_come_from_a_prior_that_needs_the_encoder(bernoulli_model):
    torch.manual_seed(0)
    bernoulli_model.prior = VampPrior((1, 4, 4), num_components=1, noise=0.0)
    bernoulli_model.decoder = nn.Unflatten(1, (1, 1, 2))  # the latents themselves, as logits
    bernoulli_model.feature_shape = (1, 1, 2)
    latents = bernoulli_model.sample(20_000).detach().logit().flatten(1)
    q = bernoulli_model.encode(bernoulli_model.prior.pseudo_inputs.detach())
    assert_mean_is(latents, q.mean[0].detach())
    assert_mean_is((latents - q.mean[0].detach()).square(), q.variance[0].detach())


def test_the_draw_carries_gradients_to_every_parameter(bernoulli_model, binary_images):
    seeded_draw(bernoulli_model, binary_images, 2).log_w.sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in bernoulli_model.parameters())


def test_a_draw_cannot_be_changed(bernoulli_model, binary_images):
    draw = seeded_draw(bernoulli_model, binary_images, 1)
    with pytest.raises(FrozenInstanceError):
        draw.kl = draw.kl * 0


@pytest.mark.parametrize("num_samples", [0, -1])
def test_fewer_than_one_sample_is_refused(bernoulli_model, binary_images, num_samples):
    with pytest.raises(ValueError, match=f"num_samples must be at least 1, got {num_samples}"):
        bernoulli_model.draw(binary_images, num_samples)


def test_a_latent_space_without_dimensions_is_refused(bernoulli_model):
    network = partial(MLP, hidden_sizes=(), activation=nn.Tanh, normalization=None)
    parts = (bernoulli_model.posterior, bernoulli_model.prior, bernoulli_model.likelihood)
    with pytest.raises(ValueError, match="latent_dim must be at least 1, got 0"):
        VAE((1, 4, 4), 0, network, network, *parts)


@pytest.mark.parametrize(
    "prior", [MixtureOfGaussians(20, 50, 1.0, "diagonal"), FlowPrior(20, zuko.flows.MAF)]
)
def test_densities_of_latents_keep_their_digits_in_mixed_precision(prior):
    torch.manual_seed(0)
    network = partial(MLP, hidden_sizes=[8], activation=nn.ReLU, normalization=None)
    model = VAE((1, 4, 4), 20, network, network, DiagonalNormal(20, None), prior, Bernoulli())
    with torch.autocast("cpu", torch.bfloat16):
        draw = model.draw(torch.rand(5, 1, 4, 4).round(), 3)
    assert {draw.log_px.dtype, draw.log_pz.dtype, draw.log_qz.dtype} == {torch.float32}
    assert torch.equal(draw.log_pz, prior(model.encode).log_prob(draw.z))


def spherical(prior):
    torch.manual_seed(0)
    network = partial(MLP, hidden_sizes=(16,), activation=nn.Tanh, normalization=None)
    return VAE((1, 4, 4), 3, network, network, SphericalPosterior(3), prior, Bernoulli())


def test_a_kl_known_only_as_a_whole_is_exact_and_not_shared_out(binary_images):
    draw = spherical(UniformSpherePrior(3)).draw(binary_images, 4000)
    assert draw.kl_per_dim is None
    assert_mean_is(draw.log_qz - draw.log_pz, draw.kl)
    assert torch.equal(draw.kl, draw.q.kl_from_uniform())


def test_on_a_sphere_latents_are_decoded_in_their_direction(binary_images):
    model = spherical(UniformSpherePrior(3))
    z = torch.randn(5, 3)
    decoded = [model.decode(points).mean for points in (z, 7 * z)]
    torch.testing.assert_close(*decoded)
    torch.testing.assert_close(
        model.reconstruct(binary_images), model.decode(model.encode(binary_images).mean).mean
    )


def test_latents_of_different_places_are_refused():
    with pytest.raises(ValueError, match="fill the unit sphere and the prior's all of space"):
        spherical(StandardNormal(3))
    with pytest.raises(ValueError, match="posterior=power_spherical and prior=uniform_sphere"):
        UniformSpherePrior(2).bind(DiagonalNormal(2, log_scale_range=None))
