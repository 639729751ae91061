"""β-TCVAE: the KL in three terms, which sum to it and vanish where they should."""

import math

import pytest
import torch
from flow_models import flow_model
from gradients import gradient_of
from ladder_models import ladder
from linear_gaussian import linear_gaussian
from torch.distributions import MultivariateNormal

from vae_lab.model.contract import Draw, known
from vae_lab.model.distributions import DiagonalGaussian, StandardGaussian, rsample_and_log_prob
from vae_lab.model.priors import MixtureOfGaussians
from vae_lab.objectives import ELBO, BetaTCVAE

TERMS = MUTUAL_INFORMATION, TOTAL_CORRELATION, DIMENSION_WISE_KL = (
    "batch_mutual_information",
    "batch_total_correlation",
    "batch_dimension_wise_kl",
)
EQUAL = BetaTCVAE(1.0, 1.0, 1.0, num_samples=3)


def draw_of_posteriors(means, log_scale, num_samples=3):
    """Return a draw from normals with these means (B, D), without images."""
    torch.manual_seed(0)
    means = torch.as_tensor(means, dtype=torch.float64)
    q = DiagonalGaussian(means, torch.full_like(means, log_scale))
    p = StandardGaussian(torch.zeros_like(means[0]))
    z, log_qz = rsample_and_log_prob(q, num_samples)
    log_pz = p.log_prob(z)
    kl = (log_qz - log_pz).mean(0)
    densities = known(log_pz), known(log_qz)
    return Draw(torch.zeros_like(log_pz), *densities, kl[:, None], False, z, q, p)


def test_the_three_terms_sum_to_the_sampled_kl_of_every_image(draw):
    parts = EQUAL(draw, 0.0).parts
    total = sum(parts[term] for term in TERMS)
    torch.testing.assert_close(total, (draw.log_qz - draw.log_pz).mean(0))


def test_weights_of_one_make_it_the_elbo_with_a_sampled_kl_in_value_and_gradient(
    bernoulli_model, binary_images
):
    torch.manual_seed(0)
    model = bernoulli_model.double()
    draw = model.draw(binary_images.double(), 3)
    bounds = [EQUAL(draw, 0.0), ELBO(1.0, "sampled", 3, {})(draw, 0.0)]
    torch.testing.assert_close(*(bound.value for bound in bounds))
    torch.testing.assert_close(
        *(gradient_of(bound.value.mean(), model.parameters()) for bound in bounds)
    )


def test_each_weight_multiplies_its_own_term(draw):
    bound = BetaTCVAE(2.0, 3.0, 5.0, num_samples=3)(draw, 0.0)
    weighted = sum(
        weight * bound.parts[term] for weight, term in zip((2.0, 3.0, 5.0), TERMS, strict=True)
    )
    torch.testing.assert_close(bound.value, draw.log_px.mean(0) - weighted)


def test_the_terms_compare_the_aggregate_of_the_batch_with_its_marginals(gaussian_images):
    torch.manual_seed(0)
    model = linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
    draw = model.draw(gaussian_images, 1)
    mean, variance = draw.q.mean, draw.q.variance
    parts = BetaTCVAE(1.0, 1.0, 1.0, num_samples=1)(draw, 0.0).parts
    for i, z in enumerate(draw.z[0]):
        whole = MultivariateNormal(mean, torch.diag_embed(variance)).log_prob(z).exp()
        single = [
            MultivariateNormal(mean[:, d : d + 1], torch.diag_embed(variance[:, d : d + 1]))
            .log_prob(z[d : d + 1])
            .exp()
            for d in range(2)
        ]
        log_aggregate = whole.mean().log()
        log_product = sum(density.mean().log() for density in single)
        log_prior = -0.5 * z.square().sum() - math.log(2 * math.pi)
        expected = (whole[i].log() - log_aggregate, log_aggregate - log_product)
        torch.testing.assert_close(parts[MUTUAL_INFORMATION][i], expected[0])
        torch.testing.assert_close(parts[TOTAL_CORRELATION][i], expected[1])
        torch.testing.assert_close(parts[DIMENSION_WISE_KL][i], log_product - log_prior)


def test_images_with_one_posterior_carry_no_information_and_no_correlation():
    parts = EQUAL(draw_of_posteriors([[0.3, -2.0]] * 4, log_scale=-1.0), 0.0).parts
    nothing = torch.zeros(4, dtype=torch.float64)
    torch.testing.assert_close(parts[MUTUAL_INFORMATION], nothing)
    torch.testing.assert_close(parts[TOTAL_CORRELATION], nothing)


def test_posteriors_on_a_product_grid_have_no_total_correlation():
    means = torch.cartesian_prod(torch.tensor([-1.0, 0.5, 2.0]), torch.tensor([0.0, 3.0]))
    parts = EQUAL(draw_of_posteriors(means, log_scale=-1.0), 0.0).parts
    nothing = torch.zeros(6, dtype=torch.float64)
    torch.testing.assert_close(parts[TOTAL_CORRELATION], nothing)
    assert (parts[MUTUAL_INFORMATION].mean() > 0.1).all()


def test_posteriors_apart_on_a_diagonal_are_known_from_any_one_dimension():
    """Every dimension alone says which of B images it is: I = log B and TC = (D − 1) log B."""
    means = torch.arange(4)[:, None].expand(-1, 3)
    parts = EQUAL(draw_of_posteriors(means, log_scale=-4.0), 0.0).parts
    log_b = torch.full((4,), math.log(4), dtype=torch.float64)
    torch.testing.assert_close(parts[MUTUAL_INFORMATION], log_b)
    torch.testing.assert_close(parts[TOTAL_CORRELATION], 2 * log_b)


def test_permuting_the_batch_permutes_the_value(draw):
    order = torch.tensor([3, 0, 4, 1, 2])
    q = DiagonalGaussian(draw.q.mean[order], draw.q.log_scale[order])
    densities = (known(term[:, order]) for term in (draw.log_pz, draw.log_qz))
    kl, z = draw.kl_per_unit[order], draw.z[:, order]
    permuted = Draw(draw.log_px[:, order], *densities, kl, True, z, q, draw.p)
    objective = BetaTCVAE(1.0, 6.0, 1.0, num_samples=3)
    torch.testing.assert_close(objective(permuted, 0.0).value, objective(draw, 0.0).value[order])


@pytest.mark.parametrize(
    "model", [flow_model("affine"), linear_gaussian("full")], ids=["flow", "full normal"]
)
def test_a_posterior_that_is_not_a_diagonal_normal_is_refused(model):
    with pytest.raises(ValueError, match="tcvae needs posterior=diagonal_normal"):
        EQUAL.check(model)


def test_several_groups_of_latents_are_refused():
    with pytest.raises(ValueError, match="one group of latents"):
        EQUAL.check(ladder())


def test_a_prior_whose_dimensions_depend_on_each_other_is_refused(bernoulli_model):
    bernoulli_model.prior = MixtureOfGaussians(2, 3, 1.0, "diagonal")
    with pytest.raises(ValueError, match="tcvae needs a prior of independent dimensions"):
        EQUAL.check(bernoulli_model)
