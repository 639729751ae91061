"""Categorical codes, against a model so small that all codes are listed."""

import pytest
import torch
from gradients import gradient_of
from monte_carlo import assert_mean_is, standard_error
from tiny_codes import (
    CLASSES,
    UNITS,
    all_codes,
    autoregressive,
    categorical,
    images,
    listed,
    tiny,
)

from vae_lab.model.code_posteriors import Categorical
from vae_lab.model.distributions import OneHotCodes, tempered
from vae_lab.model.posteriors import DiagonalNormal
from vae_lab.model.priors import StandardNormal
from vae_lab.objectives import ELBO, IWAE, BetaTCVAE

PRIORS = pytest.mark.parametrize("prior", [lambda: None, autoregressive], ids=["uniform", "ar"])


def elbo(num_samples):
    return ELBO(1.0, "analytic", num_samples, {})


def gradients(model, count, num_samples=2):
    """Return gradients of the ELBO for the encoder, one of each of ``count`` draws."""
    x = images(1)
    draws = model.draw(x.expand(count, -1, -1, -1), num_samples)
    values = elbo(num_samples)(draws, 0.0).value
    (of_each,) = torch.autograd.grad(values.sum(), draws.q.log_probs)
    return of_each.flatten(1)


def exact_gradient(model):
    """Return what ``gradients`` should be on average: the same for the listed codes."""
    log_px, log_pz, _ = (term.detach() for term in listed(model, images(1)))
    log_probs = model.encode(images(1)).log_probs.detach().requires_grad_()
    z = all_codes().unflatten(-1, (UNITS, CLASSES))
    log_qz = torch.einsum("ndc,bdc->nb", z, log_probs)
    value = (log_qz.exp() * (log_px + log_pz - log_qz)).sum()
    return gradient_of(value, [log_probs])


def through_softmax(model, gradient):
    """Return gradients for log-odds instead of log probabilities, which are not independent."""
    probabilities = model.encode(images(1)).log_probs.exp().detach()
    gradient = gradient.unflatten(-1, (UNITS, CLASSES))
    return (gradient - probabilities * gradient.sum(-1, keepdim=True)).flatten(-2)


@PRIORS
def test_bound_and_importance_sampling_are_those_of_the_discrete_model(prior):
    torch.manual_seed(1)
    model = tiny(categorical(), prior()).eval()
    x = images(2)
    log_px, log_pz, log_qz = listed(model, x)
    with torch.no_grad():
        draw = model.draw(x, 20_000)
    assert set(draw.z.unique().tolist()) == {0.0, 1.0}
    assert_mean_is(draw.log_w.exp(), (log_px + log_pz).logsumexp(0).exp())
    assert_mean_is(draw.log_px, (log_qz.exp() * log_px).sum(0))
    kl = (log_qz.exp() * (log_qz - log_pz)).sum(0)
    if draw.has_kl_per_dim:
        assert draw.kl_per_unit.shape == (2, UNITS)
        torch.testing.assert_close(draw.kl, kl)
    else:
        assert_mean_is(draw.log_qz - draw.log_pz, kl)


@PRIORS
def test_the_score_function_gradient_is_unbiased(prior):
    torch.manual_seed(1)
    model = tiny(categorical("score_function"), prior())
    found = through_softmax(model, gradients(model, 40_000, num_samples=3))
    assert_mean_is(found, through_softmax(model, exact_gradient(model)))
    with torch.no_grad():  # values stay as they are
        torch.manual_seed(2)
        training = model.draw(images(2), 2)
        torch.manual_seed(2)
        scoring = model.eval().draw(images(2), 2)
    torch.testing.assert_close(training.log_w, scoring.log_w)


def test_the_relaxed_gradient_is_biased_and_less_so_at_a_low_temperature():
    exact = through_softmax(tiny(categorical()), exact_gradient(tiny(categorical())))
    biases = []
    for temperature in (2.0, 0.2):
        model = tiny(categorical("relaxed", temperature))
        torch.manual_seed(1)
        found = through_softmax(model, gradients(model, 40_000, num_samples=1))
        bias, error = (found.mean(0) - exact).norm(), standard_error(found).norm()
        biases.append(bias)
        if temperature > 1:
            assert bias > 10 * error
    assert biases[1] < biases[0] / 4


def test_straight_through_samples_are_codes_with_the_gradient_of_relaxed_ones():
    weights = torch.randn(UNITS * CLASSES).double()
    found = []
    for gradient in ("straight_through", "relaxed"):
        model = tiny(categorical(gradient, 0.5))
        torch.manual_seed(3)
        z = model.draw(images(4), 2).z
        found.append((z.detach(), gradient_of((z * weights).sum(), model.encoder.parameters())))
    (hard, of_hard), (soft, of_soft) = found
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    assert soft.amax() < 1
    torch.testing.assert_close(of_hard, of_soft)


def test_the_temperature_follows_its_schedule():
    posterior = Categorical(UNITS, CLASSES, "relaxed", 2.0, 0.5, annealing_epochs=4)
    posterior.follow(2.0)
    assert posterior.temperature.item() == pytest.approx(1.0)
    assert posterior.scheduled(8.0) == {"temperature": 0.5}
    assert categorical("score_function").scheduled(1.0) == {}


@pytest.mark.parametrize(
    ("posterior", "objective", "reason"),
    [
        ("relaxed", IWAE(2, dreg=False), "samples that carry gradients"),
        ("relaxed", BetaTCVAE(1.0, 1.0, 1.0, 1), "samples that carry gradients"),
        ("score_function", elbo(1), r"objective.num_samples=2 or more"),
    ],
)
def test_an_objective_that_codes_cannot_answer_is_refused(posterior, objective, reason):
    with pytest.raises(ValueError, match=reason):
        objective.check(tiny(categorical(posterior)))


def test_priors_of_codes_and_of_real_numbers_are_not_mixed():
    with pytest.raises(ValueError, match="take prior=categorical or prior=autoregressive"):
        tiny(categorical(), StandardNormal(UNITS))
    with pytest.raises(ValueError, match="are of discrete codes: take posterior=categorical"):
        tiny(DiagonalNormal(UNITS, None), autoregressive())


def test_autoregressive_probabilities_sum_to_one_and_are_those_of_its_samples():
    torch.manual_seed(1)
    model = tiny(categorical(), autoregressive())
    p = model.prior(model.encode)
    probabilities = p.log_prob(all_codes()).exp().detach()
    torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0).double())
    likely = probabilities > 1e-3  # enough samples for a standard error
    is_code = (p.sample((20_000,))[:, None] == all_codes()[likely]).all(-1).double()
    assert_mean_is(is_code, probabilities[likely])


def test_a_unit_depends_on_those_before_it_alone():
    model = tiny(categorical(), autoregressive())
    z = torch.rand(UNITS * CLASSES).double()
    jacobian = torch.autograd.functional.jacobian(model.prior._log_odds, z)
    blocks = jacobian.unflatten(-1, (UNITS, CLASSES)).abs().amax((1, 3))
    assert (blocks > 0).tolist() == [[False, False], [True, False]]


def test_a_temperature_sharpens_autoregressive_codes_and_is_refused_for_uniform_ones():
    torch.manual_seed(1)
    model = tiny(categorical(), autoregressive())
    p = model.prior(model.encode)
    assert len(tempered(p, 0.0).sample((20,)).unique(dim=0)) == 1
    first = p.log_prob(all_codes()).exp().unflatten(0, (CLASSES, CLASSES)).sum(1)
    sharper = (2 * first.log()).softmax(0).detach()  # log-odds over one half
    drawn = tempered(p, 0.5).sample((20_000,))[:, :CLASSES]
    assert_mean_is(drawn, sharper)
    uniform = tiny(categorical())
    with pytest.raises(ValueError, match="prior=categorical all codes have the same probability"):
        uniform.sample(1, temperature=0.5)


def test_a_reconstruction_is_decoded_from_a_code():
    model = tiny(categorical()).eval()
    q = model.encode(images(3))
    assert isinstance(q, OneHotCodes)
    torch.testing.assert_close(model.posterior.point(q), q.mode)
    torch.testing.assert_close(model.reconstruct(images(3)), model.decode(q.mode).mean)
