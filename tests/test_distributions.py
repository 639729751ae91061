"""Our own normal distributions equal torch's."""

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from vae_lab.distributions import BernoulliImage, DiagonalGaussian, StandardGaussian, kl_per_dim


@pytest.fixture
def pair():
    """A diagonal normal, batch (5,), event (3,), and torch's equal of it."""
    torch.manual_seed(0)
    mean, log_scale = torch.randn(2, 5, 3, dtype=torch.float64)
    return DiagonalGaussian(mean, log_scale), Independent(Normal(mean, log_scale.exp()), 1)


def test_a_diagonal_gaussian_has_torchs_moments_and_density(pair):
    ours, theirs = pair
    value = torch.randn(7, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(value), theirs.log_prob(value))
    for moment in ("mean", "stddev", "variance"):
        torch.testing.assert_close(getattr(ours, moment), getattr(theirs, moment))
    assert (ours.batch_shape, ours.event_shape) == (theirs.batch_shape, theirs.event_shape)


def test_a_diagonal_gaussian_draws_what_torch_draws(pair):
    draws = []
    for distribution in pair:
        torch.manual_seed(1)
        draws.append(distribution.rsample((4,)))
    torch.testing.assert_close(*draws)


def test_a_standard_gaussian_has_torchs_density():
    torch.manual_seed(0)
    origin = torch.zeros(3, dtype=torch.float64)
    theirs = Independent(Normal(origin, torch.ones_like(origin)), 1)
    value = torch.randn(7, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(StandardGaussian(origin).log_prob(value), theirs.log_prob(value))


def test_the_kl_is_torchs_in_value_and_gradient():
    torch.manual_seed(0)
    mean, log_scale = (torch.randn(5, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
    p = Normal(torch.zeros(3, dtype=torch.float64), 1.0)
    theirs = kl_divergence(Normal(mean, log_scale.exp()), p)
    ours = kl_per_dim(DiagonalGaussian(mean, log_scale), StandardGaussian(p.loc))
    assert ours is not None
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(kl.sum(), (mean, log_scale)) for kl in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_a_bernoulli_image_has_torchs_moments_and_density():
    torch.manual_seed(0)
    logits, image = torch.randn(2, 5, 1, 2, 3), torch.randint(2, (5, 1, 2, 3)).float()
    ours, theirs = BernoulliImage(logits), Independent(Bernoulli(logits=logits), 3)
    torch.testing.assert_close(ours.log_prob(image), theirs.log_prob(image))
    for moment in ("mean", "stddev", "variance"):
        torch.testing.assert_close(getattr(ours, moment), getattr(theirs, moment))
    torch.manual_seed(1)
    sample = ours.sample((4,))
    torch.manual_seed(1)
    torch.testing.assert_close(sample, theirs.sample((4,)))
