"""Rate, distortion and the two parts of the rate, against closed forms."""

import dataclasses
import importlib
import math

import pytest
import torch
from flow_models import flow_model
from ladder_models import binary_images_for, ladder
from linear_gaussian import exact_elbo, exact_kl, images_of, linear_gaussian
from monte_carlo import standard_error
from tiny_codes import categorical, listed, tiny
from tiny_codes import images as binary_images

from vae_lab.evaluation.activity import active_units
from vae_lab.evaluation.information import information, reconstruction_error
from vae_lab.model.distributions import GaussianMixture
from vae_lab.model.vector_posteriors import FiniteScalar

module = importlib.import_module("vae_lab.evaluation.information")
NUM_IMAGES = 1200  # more than two batches, the last one smaller
ROUNDING = 1e-7  # what torch.testing allows float64


@pytest.fixture
def images(wrong_model):
    return images_of(wrong_model, NUM_IMAGES)


def seeded(model, x):
    torch.manual_seed(0)
    return information(model, x)


def same_draws(model, x):
    """Return the draws that ``seeded`` judges."""
    torch.manual_seed(0)
    with torch.no_grad():
        return [model.draw(batch, 1) for batch in x.split(module.BATCH)]


def joined(draws, term):
    return torch.cat([getattr(draw, term)[0] for draw in draws])


def assert_within_error(figure, samples, expected):
    """Assert that a figure, a mean of independent ``samples``, is within four of their errors."""
    assert abs(figure.value - expected) <= 4 * standard_error(samples).item()


def test_bound_and_distortion_agree_with_closed_forms(wrong_model, images):
    figures, draws = seeded(wrong_model, images), same_draws(wrong_model, images)
    with torch.no_grad():
        elbo, kl = exact_elbo(wrong_model, images), exact_kl(wrong_model, images)
    noise = joined(draws, "log_px") - torch.cat([draw.kl for draw in draws]) - elbo
    assert_within_error(figures["elbo"], noise, elbo.mean())
    noise = joined(draws, "log_px") - elbo - kl
    assert_within_error(figures["distortion"], noise, -(elbo + kl).mean())


def test_the_rate_is_exact_where_the_kl_is_known():
    model = linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
    x = images_of(model, NUM_IMAGES)
    kl = exact_kl(model, x).detach()
    figure = seeded(model, x)["rate"]
    assert figure.value == pytest.approx(kl.mean().item(), rel=1e-12)
    assert figure.standard_error == pytest.approx(standard_error(kl).item(), rel=1e-12)


def test_the_rate_agrees_with_the_kl_where_it_is_sampled():
    model = linear_gaussian("full", mean_factor=0.6, scale_factor=1.3)
    x = images_of(model, NUM_IMAGES)
    kl, draws = exact_kl(model, x).detach(), same_draws(model, x)
    noise = joined(draws, "log_qz") - joined(draws, "log_pz") - kl
    assert_within_error(seeded(model, x)["rate"], noise, kl.mean())


def test_the_bound_is_minus_rate_and_distortion(wrong_model, images):
    figures = seeded(wrong_model, images)
    total = figures["rate"].value + figures["distortion"].value
    assert figures["elbo"].value == pytest.approx(-total, rel=1e-12)


def test_the_two_parts_of_the_rate_add_up_on_the_same_draws():
    model = linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
    x = images_of(model, NUM_IMAGES)
    figures, draws = seeded(model, x), same_draws(model, x)
    rate = (joined(draws, "log_qz") - joined(draws, "log_pz")).mean().item()
    parts = figures["mutual_information"].value + figures["aggregate_kl"].value
    assert parts == pytest.approx(rate, rel=1e-12)


def test_a_code_that_ignores_the_image_has_neither_part():
    model = linear_gaussian("diagonal", column_norms=(0.0, 0.0))  # q(z|x) = p(z) for every x
    figures = seeded(model, images_of(model, NUM_IMAGES))
    for name in ("rate", "mutual_information", "aggregate_kl"):
        assert figures[name].value == pytest.approx(0, abs=ROUNDING)
        assert figures[name].standard_error == pytest.approx(0, abs=ROUNDING)
    assert figures["active_units"].value == 0
    assert figures["active_units"].unit == "of 2"


def test_codes_that_tell_all_images_apart_say_log_n():
    model = linear_gaussian("diagonal", mean_factor=1e4)
    x = images_of(model, 40)
    q = model.encode(x)
    distances = torch.cdist(q.mean, q.mean).fill_diagonal_(torch.inf)
    assert distances.min() > 40 * q.stddev.max()  # e^(−40² / 2) is nothing beside 1
    figure = seeded(model, x)["mutual_information"]
    assert figure.value == pytest.approx(math.log(40), rel=ROUNDING)


def test_no_code_says_more_than_log_n():
    model = linear_gaussian("diagonal")
    figures = [seeded(model, images_of(model, n))["mutual_information"] for n in (2, 5, 20)]
    assert all(0 < f.value <= math.log(n) for f, n in zip(figures, (2, 5, 20), strict=True))


def test_under_the_true_posterior_they_approach_the_information_and_no_gap():
    # many more images than the code can tell apart: q(z) = p(z), and
    # I(x; z) = ½ log det (I + WᵀW / σ²)
    model = linear_gaussian("diagonal")
    weight, log_scale = model.decoder[0].weight, model.likelihood.log_scale
    precision = torch.eye(2) + weight.T @ weight / (2 * log_scale).exp()
    figures = seeded(model, images_of(model, 2000))
    found, gap = figures["mutual_information"], figures["aggregate_kl"]
    expected = 0.5 * precision.logdet().item()
    assert abs(found.value - expected) <= 4 * found.standard_error
    assert abs(gap.value) <= 4 * gap.standard_error


@pytest.mark.parametrize("max_pairs", [1, 3 * NUM_IMAGES + 1])
def test_chunks_of_pairs_change_nothing(max_pairs, monkeypatch):
    model = linear_gaussian("diagonal", mean_factor=0.6)
    x = images_of(model, NUM_IMAGES)
    whole = seeded(model, x)
    sizes = []
    log_prob = GaussianMixture.log_prob
    monkeypatch.setattr(
        GaussianMixture, "log_prob",
        lambda self, z: sizes.append(len(z)) or log_prob(self, z),
    )  # fmt: skip
    monkeypatch.setattr(module, "MAX_PAIRS", max_pairs)
    cut = seeded(model, x)
    assert max(sizes) == max(1, max_pairs // NUM_IMAGES)
    assert sum(sizes) == NUM_IMAGES
    for name, figure in whole.items():
        assert dataclasses.astuple(cut[name]) == pytest.approx(dataclasses.astuple(figure))


def test_active_units_and_the_error_at_the_mean_are_those_of_all_images(wrong_model, images):
    figures = seeded(wrong_model, images)
    with torch.no_grad():
        active = active_units(wrong_model.encode(images).mean)
        squares = (images - wrong_model.reconstruct(images)).square().flatten(1).mean(1)
    assert figures["active_units"].value == active.sum()
    assert figures["active_units"].unit == f"of {len(active)}"
    mse = figures["reconstruction_mse"]
    assert mse == reconstruction_error(wrong_model, images)
    assert mse.value == pytest.approx(squares.mean().item(), rel=1e-12)
    assert mse.standard_error == pytest.approx(standard_error(squares).item(), rel=1e-12)


def test_the_rate_of_categorical_codes_is_split_as_all_codes_say():
    model, x = tiny(categorical()).eval(), binary_images(800)
    with torch.no_grad():
        _, log_pz, log_qz_given_x = listed(model, x)
    log_qz = log_qz_given_x.logsumexp(1, keepdim=True) - math.log(len(x))
    q = log_qz_given_x.exp()
    figures = seeded(model, x)
    for name, term in (("mutual_information", log_qz_given_x - log_qz),
                       ("aggregate_kl", log_qz - log_pz)):  # fmt: skip
        exact = (q * term).sum(0).mean().item()
        assert abs(figures[name].value - exact) <= 4 * figures[name].standard_error


def test_chosen_codes_say_the_entropy_of_their_shares():
    model, x = tiny(FiniteScalar(2, [3, 2])).eval(), binary_images(800)
    codes = model.posterior.codes(model.encode(x).mean)
    shares = codes.unique(dim=0, return_counts=True)[1] / len(x)
    entropy = torch.special.entr(shares.double()).sum().item()
    figures = seeded(model, x)
    assert figures["mutual_information"].value == pytest.approx(entropy)
    assert figures["aggregate_kl"].value == pytest.approx(2 * math.log(6) - entropy)


@pytest.mark.parametrize("build", [lambda: flow_model("affine"), ladder])
def test_without_a_mixture_that_is_known_the_rate_is_not_split(build):
    model = build()
    figures = seeded(model, binary_images_for(model, 20))
    assert not {"mutual_information", "aggregate_kl"} & figures.keys()
    assert {"elbo", "rate", "distortion", "active_units", "reconstruction_mse"} == figures.keys()
    assert all(math.isfinite(figure.value) and figure.unit for figure in figures.values())


def test_it_keeps_no_graph(wrong_model, gaussian_images):
    information(wrong_model, gaussian_images)
    assert all(p.grad is None for p in wrong_model.parameters())
