"""Noise between levels: uniform, of the image alone, below the next level."""

import torch
from monte_carlo import assert_mean_is

from vae_lab.data.dequantization import dequantize, dequantize_once, without_noise

BYTES = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)


def assert_is_uniform(noise):
    """Assert that numbers (N,) have the moments of U[0, 1]."""
    assert ((noise >= 0) & (noise <= 1)).all()
    assert_mean_is(noise, 1 / 2)
    assert_mean_is((noise - 1 / 2) ** 2, 1 / 12)


def test_noise_is_uniform_between_a_level_and_the_next():
    torch.manual_seed(0)
    bytes_ = BYTES.repeat(20, 1, 1, 1)
    assert_is_uniform((256 * dequantize(bytes_).double() - bytes_).flatten())
    once = dequantize_once(bytes_, torch.arange(80), seed=1)
    assert_is_uniform((256 * once.double() - bytes_).flatten())


def test_noise_sampled_once_belongs_to_the_image_whatever_the_batch():
    state = torch.get_rng_state()
    whole = dequantize_once(BYTES, torch.arange(4), seed=1)
    assert torch.equal(dequantize_once(BYTES[2:], torch.tensor([2, 3]), seed=1), whole[2:])
    noise = dequantize_once(torch.zeros_like(BYTES), torch.arange(4), seed=1)
    assert len(noise.flatten(1).unique(dim=0)) == 4
    assert not torch.equal(dequantize_once(BYTES, torch.arange(4), seed=2), whole)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_noise_a_byte_is_in_the_middle():
    noisy = torch.stack([dequantize(BYTES) for _ in range(400)])
    torch.testing.assert_close(without_noise(BYTES), noisy.mean(0), rtol=0, atol=5 / 256 / 68)
