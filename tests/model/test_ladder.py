"""The ladder of latents: the flat VAE as its limit, its densities, and quadrature over latents."""

from functools import partial

import pytest
import torch
from flow_models import FLOWS, flow_posterior
from ladder_models import TwoLevels, binary_images_for, ladder
from monte_carlo import assert_mean_is
from quadrature import integrate_plane
from torch import nn
from torch.distributions import kl_divergence

from vae_lab.evaluation.likelihood import importance_sample
from vae_lab.model.ladder import LadderVAE
from vae_lab.model.priors import FlowPrior, MixtureOfGaussians, VampPrior
from vae_lab.model.vae import VAE

TERMS = ("log_px", "log_pz", "log_qz", "log_w", "kl", "kl_per_dim", "z")
ONE_LEVEL = {"channels": (3,), "latent_channels": (), "latent_dim": 2}
THREE_LEVELS = {"channels": (3, 4, 5), "latent_channels": (2, 3), "image_shape": (1, 7, 6)}
integrate = partial(integrate_plane, half_width=10.0, num_points=201)

PRIORS = {
    "standard": lambda: None,
    "mixture": lambda: MixtureOfGaussians(2, 3, 1.0, "diagonal"),
    "flow": lambda: FlowPrior(2, FLOWS["affine"]),
    "vampprior": lambda: VampPrior((1, 4, 4), num_components=3, noise=0.0),
}


def flat(model):
    """Return the flat VAE made of the modules of a ladder with one level."""
    return VAE(
        model.image_shape,
        model.latent_dim,
        lambda **_: nn.Sequential(model.ups[0], nn.Flatten(), model.to_posterior),
        lambda **_: nn.Sequential(
            model.from_latent, nn.Unflatten(1, model.top_shape), model.downs[0]
        ),
        model.posterior,
        model.prior,
        model.likelihood,
    )


def seeded(function, *args):
    torch.manual_seed(0)
    return function(*args)


@pytest.fixture(params=PRIORS)
def one_level(request):
    prior = PRIORS[request.param]()
    return ladder(**ONE_LEVEL, **({} if prior is None else {"prior": prior}))


@pytest.fixture
def plane():
    """A ladder with two latents, one above the other: its integrals are over the plane."""
    return ladder(image_shape=(1, 2, 2))


def test_with_one_level_every_term_of_a_draw_is_that_of_the_flat_vae(one_level):
    x = binary_images_for(one_level, 5)
    draw, expected = (seeded(model.draw, x, 3) for model in (one_level, flat(one_level)))
    for term in TERMS:
        found, wanted = getattr(draw, term), getattr(expected, term)
        assert found is wanted is None or torch.equal(found, wanted), term
    assert torch.equal(draw.q.mean, expected.q.mean)
    assert torch.equal(draw.p.log_prob(draw.z), expected.log_pz)


def test_with_one_level_every_answer_is_that_of_the_flat_vae(one_level):
    x, vae = binary_images_for(one_level, 5), flat(one_level)
    z = torch.randn(3, 5, 2, dtype=torch.float64)
    assert torch.equal(one_level.encode(x).mean, vae.encode(x).mean)
    assert torch.equal(one_level.encode(x).stddev, vae.encode(x).stddev)
    assert torch.equal(one_level.decode(z).mean, vae.decode(z).mean)
    assert torch.equal(one_level.reconstruct(x), vae.reconstruct(x))
    assert torch.equal(seeded(one_level.sample, 4), seeded(vae.sample, 4))


def test_the_log_terms_are_the_densities_written_out():
    model = ladder(latent_channels=(2,), latent_dim=3)
    x = binary_images_for(model, 4)
    draw = seeded(model.draw, x, 5)
    assert draw.z.shape == (5, 4, 3 + 2 * 2 * 2)
    for i in range(4):
        truth, z = TwoLevels(model, x[i : i + 1]), draw.z[:, i]
        torch.testing.assert_close(draw.log_px[:, i], truth.log_px(z))
        torch.testing.assert_close(draw.log_pz[:, i], truth.log_pz(z))
        torch.testing.assert_close(draw.log_qz[:, i], truth.log_qz(z))


def test_the_kl_is_that_of_the_top_and_the_mean_of_those_below_by_channel():
    model = ladder(latent_channels=(2,), latent_dim=3)
    x = binary_images_for(model, 4)
    draw = seeded(model.draw, x, 5)
    for i in range(4):
        truth = TwoLevels(model, x[i : i + 1])
        top, _ = truth.split(draw.z[:, i])
        q = truth.top_posterior()
        standard = torch.distributions.Normal(torch.zeros_like(q.mean), 1.0)
        below = kl_divergence(truth.bottom_posterior(top), truth.bottom_prior(top))
        expected = torch.cat([kl_divergence(q, standard)[0], below.sum((2, 3)).mean(0)])
        torch.testing.assert_close(draw.kl_per_dim[i], expected)


def test_the_kl_per_unit_counts_every_latent_of_the_top_and_every_channel_below():
    model = ladder(**THREE_LEVELS, latent_dim=4)
    draw = model.draw(binary_images_for(model, 5), 3)
    assert draw.kl_per_dim.shape == (5, 4 + 3 + 2)
    assert draw.z.shape == (3, 5, 4 + 3 * 2 * 2 + 2 * 4 * 3)
    torch.testing.assert_close(draw.kl_per_dim.sum(-1), draw.kl)
    assert draw.q is None
    assert draw.p is None


@pytest.mark.parametrize("flow", [False, True])
def test_the_kl_is_the_mean_of_the_log_ratio(flow):
    parts = {"posterior": flow_posterior("affine")} if flow else {}
    model = ladder(**THREE_LEVELS, latent_dim=2, **parts)
    x = binary_images_for(model, 1).expand(4000, -1, -1, -1)
    with torch.no_grad():
        draw = seeded(model.draw, x, 1)
    assert_mean_is((draw.log_qz - draw.log_pz)[0] - draw.kl, 0.0)


def test_prior_and_posterior_integrate_to_one(plane):
    truth = TwoLevels(plane, binary_images_for(plane, 1))
    one = torch.ones((), dtype=torch.float64)
    torch.testing.assert_close(integrate(truth.log_pz), one)
    torch.testing.assert_close(integrate(truth.log_qz), one)


@pytest.mark.slow
def test_weights_average_to_the_integral_over_all_latents(plane):
    x = binary_images_for(plane, 3)
    truths = [TwoLevels(plane, image[None]) for image in x]
    exact = [integrate(lambda z, t=t: t.log_px(z) + t.log_pz(z)) for t in truths]
    with torch.no_grad():
        draw = seeded(plane.draw, x, 20_000)
    assert_mean_is(draw.log_w.exp(), torch.stack(exact))


def test_importance_sampling_finds_the_integral_over_all_latents(plane):
    x = binary_images_for(plane, 1)
    truth = TwoLevels(plane, x)
    exact = integrate(lambda z: truth.log_px(z) + truth.log_pz(z)).log()
    estimate = seeded(importance_sample, plane, x, 20_000)
    # the delta method: c² = K / ESS − 1 is the squared variation of the weights
    error = (1 / estimate.effective_sample_size - 1 / 20_000).sqrt()
    assert ((estimate.log_px - exact).abs() <= 4 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 2])
def test_samples_follow_the_prior_of_every_group(plane, moment):
    with torch.no_grad():
        plane.groups[0].back.weight.mul_(10)  # so that the spread of the lower latent shows
        samples = seeded(plane.sample, 10_000).flatten(1)
    truth = TwoLevels(plane, binary_images_for(plane, 1))
    for pixel in range(4):

        def log_integrand(z, pixel=pixel):
            probabilities = truth.pixels(*truth.split(z)).probs.flatten(1)
            return moment * probabilities[:, pixel].log() + truth.log_pz(z)

        assert_mean_is(samples[:, pixel] ** moment, integrate(log_integrand))


def test_samples_are_probabilities():
    model = ladder(**THREE_LEVELS)
    samples = model.sample(6)
    assert samples.shape == (6, 1, 7, 6)
    assert samples.isfinite().all()
    assert ((samples >= 0) & (samples <= 1)).all()


def test_decoding_takes_the_prior_means_below_the_top_and_no_noise():
    model = ladder(latent_dim=2)
    z = torch.randn(3, 5, 2, dtype=torch.float64)
    decoded = model.decode(z)
    assert decoded.batch_shape == (3, 5)
    truth, top = TwoLevels(model, binary_images_for(model, 1)), z.flatten(0, 1)
    expected = truth.pixels(top, truth.bottom_prior(top).mean).probs
    torch.testing.assert_close(decoded.mean.flatten(0, 1), expected)
    assert torch.equal(model.decode(z).mean, decoded.mean)


def test_reconstructing_takes_the_posterior_means_of_all_groups():
    model = ladder(latent_dim=2)
    x = binary_images_for(model, 4)
    found = model.reconstruct(x)
    for i in range(4):
        truth = TwoLevels(model, x[i : i + 1])
        top = truth.top_posterior().mean
        expected = truth.pixels(top, truth.bottom_posterior(top).mean).probs
        torch.testing.assert_close(found[i : i + 1], expected)


@pytest.mark.parametrize("order", [[2, 0, 3, 1], [3, 2, 1, 0]])
def test_permuting_the_images_permutes_what_takes_no_noise(order):
    model = ladder(**THREE_LEVELS, latent_dim=4)
    x = binary_images_for(model, 4)
    torch.testing.assert_close(model.reconstruct(x[order]), model.reconstruct(x)[order])
    top = slice(None), slice(4)
    kl = model.draw(x, 1).kl_per_dim
    torch.testing.assert_close(model.draw(x[order], 1).kl_per_dim[top], kl[order][top])


def test_images_are_encoded_once_however_many_samples_are_drawn():
    model = ladder(**THREE_LEVELS)
    calls = []
    for level, up in enumerate(model.ups):
        up.register_forward_hook(lambda *_, level=level: calls.append(level))
    draw = model.condition(binary_images_for(model, 5))
    for count in (1, 7, 2):
        assert draw(count).log_w.shape == (count, 5)
    importance_sample(model, binary_images_for(model, 5), 50)
    assert calls == [0, 1, 2] * 2


def test_gradients_reach_every_parameter():
    model = ladder(**THREE_LEVELS, latent_dim=2)
    draw = seeded(model.draw, binary_images_for(model, 5), 2)
    (draw.log_px.mean() - draw.kl.mean()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_a_flow_at_the_top_leaves_no_kl_per_unit():
    model = ladder(latent_dim=2, posterior=flow_posterior("affine"))
    draw = model.draw(binary_images_for(model, 4), 3)
    assert draw.kl_per_dim is None
    assert draw.kl.shape == (4,)


@pytest.mark.parametrize("num_samples", [0, -1])
def test_fewer_than_one_sample_is_refused(num_samples):
    model = ladder()
    with pytest.raises(ValueError, match=f"num_samples must be at least 1, got {num_samples}"):
        model.draw(binary_images_for(model, 2), num_samples)


def test_path_gradients_are_refused():
    model = ladder()
    with pytest.raises(ValueError, match="a path gradient needs a flat model"):
        model.draw(binary_images_for(model, 2), 1, path_gradient=True)


@pytest.mark.parametrize("latent_channels", [(), (1, 1), (1, 1, 1)])
def test_latent_channels_that_do_not_fit_the_levels_are_refused(latent_channels):
    with pytest.raises(ValueError, match=r"one number for each of model\.channels but the last"):
        ladder(channels=(3, 4), latent_channels=latent_channels)


def test_no_latents_are_refused():
    with pytest.raises(ValueError, match="latent_dim must be at least 1, got 0"):
        LadderVAE((1, 4, 4), 0, (3,), (), None, None, None, None, None)
