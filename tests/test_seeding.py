"""Seeds that are a function of position alone, and unrelated for neighbours."""

import itertools

import pytest
import torch
from monte_carlo import assert_mean_is

from vae_lab.seeding import derived_seed, set_random_state

GRID = list(itertools.product(range(10), repeat=4))


def test_a_position_has_the_same_seed_in_every_process():
    # Changing these changes every run: interrupted ones then end elsewhere than uninterrupted ones.
    assert [derived_seed(0), derived_seed(1, 2, 3)] == [2334269327, 3922471037]


def test_seeds_have_32_bits():
    seeds = [derived_seed(*position) for position in GRID]
    assert all(isinstance(seed, int) for seed in seeds)
    assert min(seeds) >= 0
    assert max(seeds) < 2**32


def test_neighbouring_positions_have_unrelated_seeds():
    seeds = torch.tensor([derived_seed(*position) for position in GRID], dtype=torch.float64)
    uniform = seeds / 2**32 - 0.5
    assert_mean_is(uniform, 0.0)
    assert_mean_is(uniform.square(), 1 / 12)
    assert_mean_is(uniform[1:] * uniform[:-1], 0.0)


def test_positions_of_different_lengths_differ():
    positions = [(1,), (1, 0), (1, 0, 0), (0, 1), (0,), (0, 0), (12,), (1, 2), (2**32 + 5,), (5, 1)]
    assert len({derived_seed(*position) for position in positions}) == len(positions)


def test_the_random_state_decides_the_numbers():
    device = torch.device("cpu")
    set_random_state(device, 1)
    first = torch.randn(4)
    set_random_state(device, 2)
    other = torch.randn(4)
    set_random_state(device, 1)
    again = torch.randn(4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_random_state_reaches_both_processor_and_gpu():
    device = torch.device("cuda")
    pairs = []
    for _ in range(2):
        set_random_state(device, 1)
        pairs.append((torch.randn(4), torch.randn(4, device=device).cpu()))
    assert all(torch.equal(a, b) for a, b in zip(*pairs, strict=True))
