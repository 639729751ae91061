"""Free bits: the formula, its limits, and who feels a gradient."""

import dataclasses

import pytest
import torch
from hand_made import draw_of_kl
from ladder_models import binary_images_for, ladder

from vae_lab.model.priors import MixtureOfGaussians
from vae_lab.objectives import ELBO, FreeBits

# Two images, three dimensions of batch means 0.2, 0.5 and 2.
KL = [[0.1, 0.9, 1.0], [0.3, 0.1, 3.0]]


def kl_per_dim():
    return torch.tensor(KL, dtype=torch.float64, requires_grad=True)


def test_nothing_free_is_the_elbo(draw):
    value = FreeBits(0.0, 3)(draw, 0.0).value
    torch.testing.assert_close(value, ELBO(1.0, "analytic", 3, {})(draw, 0.0).value)


@pytest.mark.parametrize(
    ("free_nats", "charge"), [(0.0, 2.7), (0.3, 0.3 + 0.5 + 2.0), (1.0, 4.0), (5.0, 15.0)]
)
def test_each_dimension_is_charged_its_mean_over_the_batch_or_what_is_free(free_nats, charge):
    bound = FreeBits(free_nats, 1)(draw_of_kl(kl_per_dim()), 0.0)
    torch.testing.assert_close(bound.value.mean().item(), -charge)


def test_an_image_is_charged_its_own_kl_where_the_mean_exceeds_what_is_free():
    value = FreeBits(0.4, 1)(draw_of_kl(kl_per_dim()), 0.0).value
    # the second dimension is charged by its mean of 0.5, so image 1 pays 0.1 for it, below 0.4
    expected = -torch.tensor([0.4 + 0.9 + 1.0, 0.4 + 0.1 + 3.0], dtype=torch.float64)
    torch.testing.assert_close(value, expected)


def test_dimensions_whose_mean_is_free_have_no_gradient_and_others_that_of_the_elbo():
    kl = kl_per_dim()
    FreeBits(0.3, 1)(draw_of_kl(kl), 0.0).value.mean().backward()
    expected = torch.tensor([[0.0, -0.5, -0.5]] * 2, dtype=torch.float64)  # 1/B each
    torch.testing.assert_close(kl.grad, expected)


def test_what_is_reported_as_elbo_and_kl_is_charged_in_full():
    parts = FreeBits(5.0, 1)(draw_of_kl(kl_per_dim()), 0.0).parts
    torch.testing.assert_close(parts["kl"], torch.tensor([2.0, 3.4], dtype=torch.float64))
    torch.testing.assert_close(parts["elbo"], -parts["kl"])


@pytest.mark.parametrize(("free_nats", "charge"), [(2.6, 2.7), (2.8, 2.8)])
def test_without_a_kl_per_dimension_the_whole_is_one_group(free_nats, charge):
    draw = draw_of_kl(kl_per_dim())
    whole = dataclasses.replace(draw, kl_per_unit=draw.kl[:, None], has_kl_per_dim=False)
    value = FreeBits(free_nats, 1)(whole, 0.0).value
    torch.testing.assert_close(value.mean().item(), -charge)


def test_a_negative_amount_is_refused():
    with pytest.raises(ValueError, match=r"free_nats must be at least 0, got -0\.1"):
        FreeBits(-0.1, 1)


def test_groups_stay_apart_where_the_top_of_a_ladder_has_no_kl_per_dimension():
    model = ladder(
        latent_dim=2,
        prior=MixtureOfGaussians(2, 3, 1.0, "diagonal").double(),
    )
    draw = model.draw(binary_images_for(model, 4), 3)
    closed = ladder(latent_dim=2).draw(binary_images_for(model, 4), 3)
    assert draw.kl_per_dim is None
    assert draw.kl_per_unit.shape[1] == closed.kl_per_unit.shape[1] - 1  # a top of two dimensions
    means = draw.kl_per_unit.mean(0)
    between = means.mean().item()
    assert means.min() < between < means.max()
    charged = torch.where(means > between, means, between).sum()
    bound = FreeBits(between, 3)(draw, 0.0)
    torch.testing.assert_close(bound.value.mean(), bound.parts["reconstruction"].mean() - charged)
    assert "top group" in FreeBits(between, 3).caveat(model)
    assert FreeBits(between, 3).caveat(ladder()) is None
