"""The rules that make grey pixels black and white."""

import pytest
import torch
from monte_carlo import assert_mean_is

from vae_lab.data.binarization import Binarization, binarize_once, sample, to_float

LEVELS = torch.arange(256, dtype=torch.uint8)
SAMPLED = [Binarization.DYNAMIC, Binarization.STATIC]


def sampled_once(images):
    """Sample as stored images are sampled."""
    return to_float(binarize_once(images, Binarization.STATIC, seed=0))


def sampled_anew(images):
    """Sample as training images are sampled at every use."""
    torch.manual_seed(0)
    return sample(images)


def test_bytes_become_floats_from_zero_to_one_and_stay_as_they_are():
    before = LEVELS.clone()
    floats = to_float(LEVELS)
    assert floats.dtype == torch.float32
    assert (floats.min(), floats.max()) == (0, 1)
    torch.testing.assert_close(floats * 255, LEVELS.float())
    assert torch.equal(LEVELS, before)


def test_none_returns_the_images_themselves():
    assert binarize_once(LEVELS, Binarization.NONE, seed=0) is LEVELS


def test_threshold_is_white_from_128_on():
    expected = torch.tensor([0] * 128 + [255] * 128, dtype=torch.uint8)
    assert torch.equal(binarize_once(LEVELS, Binarization.THRESHOLD, seed=0), expected)


@pytest.mark.parametrize("rule", [*SAMPLED, Binarization.THRESHOLD])
def test_stored_images_become_bytes_0_and_255_of_the_same_shape(rule):
    images = LEVELS.reshape(4, 1, 8, 8)
    before = images.clone()
    binary = binarize_once(images, rule, seed=0)
    assert binary.dtype == torch.uint8
    assert binary.shape == images.shape
    assert set(binary.unique().tolist()) == {0, 255}
    assert torch.equal(images, before)


@pytest.mark.parametrize("rule", SAMPLED)
def test_sampling_once_is_the_same_for_the_same_seed_only(rule):
    images = LEVELS.repeat(20)
    torch.manual_seed(1)
    first = binarize_once(images, rule, seed=7)
    torch.manual_seed(2)
    assert torch.equal(binarize_once(images, rule, seed=7), first)
    assert not torch.equal(binarize_once(images, rule, seed=8), first)


def test_sampling_once_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    binarize_once(LEVELS, Binarization.STATIC, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_sampling_anew_follows_the_global_random_state():
    images = LEVELS.repeat(20)
    torch.manual_seed(0)
    first, second = sample(images), sample(images)
    torch.manual_seed(0)
    assert torch.equal(sample(images), first)
    assert not torch.equal(first, second)


def test_sampling_anew_turns_bytes_into_floats_0_and_1_of_the_same_shape():
    images = LEVELS.reshape(4, 1, 8, 8)
    before = images.clone()
    binary = sampled_anew(images)
    assert binary.dtype == torch.float32
    assert binary.shape == images.shape
    assert set(binary.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(images, before)


@pytest.mark.parametrize("draw", [sampled_once, sampled_anew])
@pytest.mark.parametrize("level", [1, 64, 128, 191, 254])
def test_a_sampled_pixel_is_white_as_often_as_it_is_bright(draw, level):
    white = draw(torch.full((200_000,), level, dtype=torch.uint8)).double()
    assert_mean_is(white, level / 255)


@pytest.mark.parametrize("draw", [sampled_once, sampled_anew])
def test_pixels_of_one_image_are_sampled_independently(draw):
    pairs = draw(torch.full((100_000, 2), 100, dtype=torch.uint8)).double()
    assert_mean_is((pairs - 100 / 255).prod(1), 0.0)


@pytest.mark.parametrize("draw", [sampled_once, sampled_anew])
@pytest.mark.parametrize(("level", "white"), [(0, 0.0), (255, 1.0)])
def test_black_is_never_white_and_white_always(draw, level, white):
    pixels = draw(torch.full((2_000_000,), level, dtype=torch.uint8))
    assert pixels.min() == pixels.max() == white


def test_black_stays_black_where_the_random_number_is_exactly_zero():
    # With seed 12, torch's uniform numbers contain a 0 among the first million.
    black = torch.zeros(1_000_000, dtype=torch.uint8)
    assert binarize_once(black, Binarization.STATIC, seed=12).max() == 0
