"""Which latent dimensions a model uses."""

import pytest
import torch
from linear_gaussian import images_of, linear_gaussian

from vae_lab.evaluation.activity import active_units


def means_of_variance(variance):
    """Return posterior means (4, 1) of that variance."""
    means = torch.tensor([[-1.0], [0.0], [0.0], [1.0]], dtype=torch.float64)
    return 3.0 + means * (variance / means.var()).sqrt()


@pytest.mark.parametrize(("variance", "active"), [(0.0, False), (0.0099, False), (0.0101, True)])
def test_a_unit_is_active_above_a_variance_of_one_hundredth(variance, active):
    assert active_units(means_of_variance(variance)).tolist() == [active]


@pytest.mark.parametrize(
    ("column_norms", "active"),
    [((1.5, 0.7), [True, True]), ((1.5, 0.0), [True, False]), ((0.0, 0.0), [False, False])],
)
def test_units_that_the_image_ignores_are_inactive(column_norms, active):
    model = linear_gaussian("diagonal", column_norms=column_norms)
    assert active_units(model.encode(images_of(model, 200)).mean).tolist() == active


def test_the_variances_of_a_unit_of_several_numbers_add():
    means = torch.cat([means_of_variance(v) for v in (0.006, 0.006, 0.0, 0.009)], dim=1)
    assert active_units(means, unit_width=2).tolist() == [True, False]


def test_neither_the_order_of_the_images_nor_a_shift_matters():
    torch.manual_seed(0)
    means = torch.randn(50, 3) * torch.tensor([1.0, 0.01, 0.3])
    order = torch.randperm(50)
    assert active_units(means).tolist() == [True, False, True]
    assert active_units(means[order] + 7.0).tolist() == [True, False, True]
