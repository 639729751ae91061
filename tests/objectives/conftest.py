"""What the tests of objectives share."""

import pytest
import torch
from linear_gaussian import linear_gaussian


@pytest.fixture
def draw(bernoulli_model, binary_images):
    """Three samples for each of five images, in two latent dimensions."""
    torch.manual_seed(0)
    return bernoulli_model.draw(binary_images, 3)


@pytest.fixture
def off_the_mark():
    """A linear-Gaussian model with a factorised posterior that is wrong."""
    return linear_gaussian("diagonal", mean_factor=0.6, scale_factor=1.3)
