"""What single latent dimensions tell of known factors, where that can be said exactly."""

import pytest
import torch
from tiny_codes import images, tiny
from torch.distributions import Normal

from vae_lab.evaluation.disentanglement import disentanglement, encoded, factor_information
from vae_lab.model.vector_posteriors import FiniteScalar

NAMES = ("size", "place")
FACTORS = torch.cartesian_prod(torch.arange(3), torch.arange(4)).repeat(40, 1)  # every pair alike
SIZE, PLACE = FACTORS.double().T


def gap(*dimensions):
    codes = torch.stack(dimensions, dim=1).expand(10, -1, -1)
    figures, details = disentanglement(codes, FACTORS, NAMES)
    return figures["mig"].value, details


def test_factors_with_a_dimension_of_their_own_have_the_whole_gap():
    value, details = gap(torch.zeros_like(SIZE), -PLACE, 1e-6 * SIZE**3)
    assert value == pytest.approx(1)
    assert details["size"]["dimension"] == 3
    assert details["place"]["told_by_each"] == pytest.approx([0, 1, 0])


def test_what_two_dimensions_know_makes_no_gap():
    value, details = gap(PLACE, 7 - 2 * PLACE)
    assert value == pytest.approx(0, abs=1e-12)
    assert details["place"]["told_by_each"] == pytest.approx([1, 1])


def test_half_of_a_factor_is_half_of_it():
    value, details = gap(PLACE // 2)
    assert details["place"]["gap"] == pytest.approx(0.5)
    assert value == pytest.approx(0.25)


def test_a_mixture_of_factors_tells_what_it_tells_of_each():
    _, details = gap(SIZE + PLACE)  # 0 … 5, of which 1, 2, 2, 3 … pairs of twelve
    shares = torch.tensor([1.0, 2, 3, 3, 2, 1], dtype=torch.float64) / 12
    of_sum = -(shares * shares.log()).sum()
    size, place = (torch.tensor(float(n), dtype=torch.float64).log() for n in (3, 4))
    assert details["size"]["gap"] == pytest.approx(((of_sum - place) / size).item())
    assert details["place"]["gap"] == pytest.approx(((of_sum - size) / place).item())


def test_noise_hides_as_much_as_the_integral_says():
    torch.manual_seed(0)
    bit = (torch.arange(20_000) % 2)[:, None]
    codes = 2.0 * bit + torch.randn(10, 20_000, 1)
    z = torch.linspace(-8, 10, 4001, dtype=torch.float64)
    densities = torch.stack([Normal(centre, 1.0).log_prob(z).exp() for centre in (0.0, 2.0)])
    mixture = densities.mean(0)
    told = torch.trapezoid((densities * (densities / mixture).log()).mean(0), z)
    [[share]] = factor_information(codes, bit).tolist()
    assert share == pytest.approx((told / torch.tensor(2.0).log()).item(), abs=0.01)


def test_a_factor_with_one_value_and_latents_without_meaning_tell_nothing():
    torch.manual_seed(0)
    factors = torch.stack([torch.zeros(5000, dtype=torch.int64), torch.arange(5000) % 5], dim=1)
    shares = factor_information(torch.randn(1, 5000, 2), factors)
    assert (shares[0] == 0).all()
    by_chance = 49 * 4 / (2 * 5000) / torch.tensor(5.0).log()
    torch.testing.assert_close(shares[1], by_chance.double().expand(2), atol=0.01, rtol=0)


def test_codes_are_samples_of_the_posterior(monkeypatch):
    class Shifted:
        posterior = None

        def encode(self, x, labels=None):
            return Normal(x.flatten(1), 0.5)

    images = torch.arange(5.0).reshape(5, 1, 1, 1).repeat_interleave(300, 0)
    codes = encoded(Shifted(), images)  # pyright: ignore[reportArgumentType]
    assert codes.shape == (10, 1500, 1)
    noise = codes[..., 0] - images[:, 0, 0, 0]
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)


def test_discrete_codes_are_counted_by_their_values():
    model, x = tiny(FiniteScalar(2, [3, 2])).eval(), images(500)
    codes = encoded(model, x)
    assert codes.dtype == torch.int64
    own_units = model.posterior.codes(model.encode(x).mean)  # a factor each
    shares = factor_information(codes, own_units)
    torch.testing.assert_close(shares.diagonal(), torch.ones(2, dtype=torch.float64))
    assert shares[0, 1] < 1
