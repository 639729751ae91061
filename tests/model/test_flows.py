"""Normalizing flows, as posteriors and as priors: densities by autograd, integrals, samples."""

import pytest
import torch
from flow_models import CONTEXT_DIM, FLOWS, flow_model, flow_posterior, spread_weights
from gradients import gradient_of
from linear_gaussian import linear_gaussian
from monte_carlo import assert_mean_is, standard_error
from quadrature import integrate_plane, shifted_lattices
from torch.distributions import Independent, Normal

from vae_lab.model.distributions import rsample_and_log_prob
from vae_lab.model.posteriors import FlowPosterior
from vae_lab.model.priors import FlowPrior
from vae_lab.objectives import ELBO

BATCH = 3


@pytest.fixture(params=FLOWS)
def kind(request):
    return request.param


@pytest.fixture
def posterior(kind):
    return flow_posterior(kind)


def parameters_for(posterior):
    """Return what an encoder might deliver for three images."""
    torch.manual_seed(1)
    return 0.5 * torch.randn(BATCH, posterior.num_parameters, dtype=torch.float64)


def flow_prior(kind):
    torch.manual_seed(0)
    prior = FlowPrior(2, FLOWS[kind]).double()
    spread_weights(prior)
    return prior


def no_encoder(x):
    raise AssertionError("this prior has no use for the encoder")


def assert_integrates_to_one(log_density, half_width, kind):
    """Assert it to the last digit where it is smooth, else within the error that is measured."""
    if kind == "affine":
        total = integrate_plane(log_density, half_width, 301)
        torch.testing.assert_close(total, torch.ones_like(total))
    else:
        assert_mean_is(shifted_lattices(log_density, half_width, 64, repeats=16), 1.0)


def assert_samples_follow_their_density(q, z, log_qz):
    """Assert that ∫ r = 1 for a narrow normal r, by importance sampling with z ~ q, (K, D).

    It stands where q is greatest, so that no weight is large.
    """
    r = Independent(Normal(z[log_qz.argmax()], 0.25 * z.std(0)), 1)
    assert_mean_is((r.log_prob(z) - log_qz).exp(), 1.0)


def test_parameters_become_one_distribution_per_image(posterior):
    q = posterior(parameters_for(posterior))
    assert posterior.num_parameters == 2 + 2 + CONTEXT_DIM
    assert (q.batch_shape, q.event_shape) == ((BATCH,), (2,))
    z, log_qz = rsample_and_log_prob(q, 5)
    assert (z.shape, log_qz.shape) == ((5, BATCH, 2), (5, BATCH))
    assert q.rsample((5,)).shape == (5, BATCH, 2)
    assert q.mean.shape == (BATCH, 2)


@pytest.mark.parametrize("latent_dim", [2, 4])
def test_the_density_of_samples_is_that_of_a_change_of_variables_by_autograd(kind, latent_dim):
    posterior = flow_posterior(kind, latent_dim)
    parameters = parameters_for(posterior)
    z, log_qz = rsample_and_log_prob(posterior(parameters), 2)
    mean, log_scale, context = parameters.split(posterior.sizes, dim=-1)
    for image in range(BATCH):
        f = posterior.transform(context[image])
        base = Independent(Normal(mean[image], log_scale[image].exp()), 1)
        for sample in range(2):
            z0 = f.inv(z[sample, image]).detach()
            jacobian = torch.autograd.functional.jacobian(f, z0)
            expected = base.log_prob(z0) - jacobian.det().abs().log()
            torch.testing.assert_close(log_qz[sample, image], expected)


def test_samples_come_with_the_density_that_log_prob_gives_them_later(posterior):
    q = posterior(parameters_for(posterior))
    z, log_qz = rsample_and_log_prob(q, 7)
    torch.testing.assert_close(q.log_prob(z), log_qz)


def test_each_image_has_a_density_of_its_own(posterior):
    parameters = parameters_for(posterior)
    z = torch.randn(7, BATCH, 2, dtype=torch.float64)
    together = posterior(parameters).log_prob(z)
    alone = [posterior(parameters[i : i + 1]).log_prob(z[:, i : i + 1]) for i in range(BATCH)]
    torch.testing.assert_close(together, torch.cat(alone, dim=1))


def test_a_posterior_integrates_to_one_over_the_plane(posterior, kind):
    parameters = parameters_for(posterior)[:1]
    assert_integrates_to_one(posterior(parameters).log_prob, 10.0, kind)


def test_samples_of_a_posterior_follow_its_density(posterior):
    q = posterior(parameters_for(posterior)[:1])
    with torch.no_grad():
        z, log_qz = rsample_and_log_prob(q, 20_000)
    assert_samples_follow_their_density(q, z[:, 0], log_qz[:, 0])


def test_the_mean_is_that_of_samples_but_for_the_error_of_the_quadrature(posterior):
    with torch.no_grad():
        q = posterior(parameters_for(posterior))
        samples = q.rsample((20_000,))
        mean = q.mean
        chance = samples.std(0) / len(posterior.points) ** 0.5
        more = torch.quasirandom.SobolEngine(2, scramble=True, seed=0).draw(2**14).double()
        posterior.points = torch.special.ndtri(more)
        exact = posterior(parameters_for(posterior)).mean
    quadrature_error = (mean - exact).abs()
    assert ((mean - samples.mean(0)).abs() <= 4 * standard_error(samples) + quadrature_error).all()
    assert (quadrature_error < chance).all()


def test_the_mean_is_the_same_at_every_call(posterior):
    q = posterior(parameters_for(posterior))
    torch.testing.assert_close(q.mean, q.mean, rtol=0, atol=0)


def test_the_mean_of_a_flow_that_only_moves_and_stretches_is_exact():
    posterior = FlowPosterior(2, 0, FLOWS["affine"]).double()
    for parameter in posterior.parameters():
        torch.nn.init.zeros_(parameter)
    parameters = parameters_for(posterior)
    torch.testing.assert_close(posterior(parameters).mean, parameters[:, :2])


def test_gradients_of_samples_and_densities_reach_the_encoder_and_the_flow(posterior):
    parameters = parameters_for(posterior).requires_grad_()
    z, log_qz = rsample_and_log_prob(posterior(parameters), 5)
    for value in (z.square().sum(), log_qz.square().sum()):
        gradient = gradient_of(value, [parameters, *posterior.parameters()])
        assert gradient.isfinite().all()
        assert gradient[: parameters.numel()].abs().sum() > 0
        assert gradient[parameters.numel() :].abs().sum() > 0


def test_a_flow_follows_the_module_to_another_dtype(kind):
    torch.manual_seed(0)
    posterior = FlowPosterior(2, CONTEXT_DIM, FLOWS[kind])
    for dtype in (torch.float32, torch.float64):
        posterior = posterior.to(dtype)
        q = posterior(parameters_for(posterior).to(dtype))
        assert {q.mean.dtype, q.rsample().dtype} == {dtype}


def test_the_mean_has_nothing_to_save():
    saved = FlowPosterior(2, CONTEXT_DIM, FLOWS["affine"]).state_dict()
    assert "points" not in saved


def test_a_model_with_a_flow_posterior_has_a_sampled_kl_and_no_share_per_dimension(kind):
    model = flow_model(kind)
    x = torch.rand(3, *model.image_shape, dtype=torch.float64).round()
    draw = model.draw(x, 4)
    assert draw.kl_per_dim is None
    torch.testing.assert_close(draw.kl, (draw.log_qz - draw.log_pz).mean(0))


def test_a_prior_integrates_to_one_over_the_plane(kind):
    p = flow_prior(kind)(no_encoder)
    assert (p.batch_shape, p.event_shape) == ((), (2,))
    assert_integrates_to_one(p.log_prob, 15.0, kind)


def test_samples_of_a_prior_follow_its_density(kind):
    p = flow_prior(kind)(no_encoder)
    with torch.no_grad():
        z = p.sample((20_000,))
        assert_samples_follow_their_density(p, z, p.log_prob(z))


def test_a_prior_is_scored_alike_for_any_leading_axes(kind):
    p = flow_prior(kind)(no_encoder)
    z = torch.randn(4, BATCH, 2, dtype=torch.float64)
    log_pz = p.log_prob(z)
    assert log_pz.shape == (4, BATCH)
    torch.testing.assert_close(log_pz[2, 1], p.log_prob(z[2, 1]))


def test_a_prior_that_does_nothing_leaves_the_standard_normal_and_its_elbo():
    model = linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
    x = torch.randn(4, *model.image_shape, dtype=torch.float64)
    values = []
    prior = FlowPrior(2, FLOWS["affine"]).double()
    for parameter in prior.parameters():
        torch.nn.init.zeros_(parameter)
    for each in (model.prior, prior):
        model.prior = each
        torch.manual_seed(0)
        values.append(ELBO(1.0, "sampled", 3, {})(model.draw(x, 3), 0.0).value)
    torch.testing.assert_close(*values)


def test_one_latent_has_nothing_to_regress_on(kind):
    with pytest.raises(ValueError, match="a flow posterior needs latent_dim of at least 2"):
        FlowPosterior(1, CONTEXT_DIM, FLOWS[kind])
    with pytest.raises(ValueError, match="a flow prior needs latent_dim of at least 2"):
        FlowPrior(1, FLOWS[kind])
