"""Capacity: the distance of the KL from a target, on either side."""

import pytest
import torch
from hand_made import draw_of_kl

from vae_lab.objectives import ELBO, Capacity
from vae_lab.objectives.schedules import LinearWarmup

RISING = {"rising": LinearWarmup(start=0.0, end=10.0, epochs=4)}


def kl_per_dim():
    """Return the KL of two images in two dimensions, whose batch mean is 3 nats."""
    return torch.tensor([[1.0, 1.0], [1.5, 2.5]], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("capacity", [0.0, 2.5, 3.0, 5.0])
def test_the_batch_pays_gamma_for_every_nat_between_its_mean_kl_and_the_capacity(capacity):
    bound = Capacity(7.0, capacity, 1, {})(draw_of_kl(kl_per_dim()), 0.0)
    torch.testing.assert_close(bound.value.mean().item(), -7.0 * abs(3.0 - capacity))


@pytest.mark.parametrize(("capacity", "sign"), [(2.5, -1.0), (5.0, 1.0)])
def test_the_kl_is_driven_towards_the_capacity_from_either_side(capacity, sign):
    kl = kl_per_dim()
    Capacity(7.0, capacity, 1, {})(draw_of_kl(kl), 0.0).value.mean().backward()
    torch.testing.assert_close(kl.grad, torch.full_like(kl, sign * 7.0 / 2))


def test_images_differ_by_their_own_kl():
    value = Capacity(7.0, 2.5, 1, {})(draw_of_kl(kl_per_dim()), 0.0).value
    expected = -7.0 * torch.tensor([2.0 - 2.5, 4.0 - 2.5], dtype=torch.float64)
    torch.testing.assert_close(value, expected)


def test_without_capacity_it_is_a_beta_vae(draw):
    value = Capacity(4.0, 0.0, 3, {})(draw, 0.0).value
    torch.testing.assert_close(value, ELBO(4.0, "analytic", 3, {})(draw, 0.0).value)


@pytest.mark.parametrize(("epoch", "capacity"), [(0.0, 0.0), (1.0, 2.5), (4.0, 10.0), (9.0, 10.0)])
def test_the_capacity_follows_the_schedule_of_its_name(epoch, capacity):
    bound = Capacity(7.0, "rising", 1, RISING)(draw_of_kl(kl_per_dim()), epoch)
    torch.testing.assert_close(bound.value.mean().item(), -7.0 * abs(3.0 - capacity))


def test_a_capacity_without_a_schedule_of_that_name_is_refused():
    message = "'falling' is neither a number nor a schedule; choose from rising"
    with pytest.raises(ValueError, match=message):
        Capacity(7.0, "falling", 1, RISING)
