"""Strided convolutions: shapes, gradients, errors."""

import pytest
import torch
from torch import nn

from vae_lab.model.networks import ConvDecoder, ConvEncoder

CONFIGS = [
    ((1, 28, 28), (16, 32)),
    ((1, 28, 28), (4,)),
    ((3, 32, 32), (4, 8, 16)),
    ((1, 8, 12), (4, 8)),
    ((2, 4, 4), (4, 8)),
    ((1, 28, 28), (4, 8, 16, 32)),
    ((3, 9, 13), (4, 8)),
]


@pytest.mark.parametrize(("image_shape", "channels"), CONFIGS)
@pytest.mark.parametrize("out_shape", [(6,), (2, 3)])
def test_encoder_output_has_the_shape_asked_for(image_shape, channels, out_shape):
    encoder = ConvEncoder(image_shape, out_shape, channels, hidden_size=8, activation=nn.ReLU)
    assert encoder(torch.zeros(5, *image_shape)).shape == (5, *out_shape)


@pytest.mark.parametrize(("image_shape", "channels"), CONFIGS)
@pytest.mark.parametrize("in_shape", [(3,), (2, 3)])
def test_decoder_output_has_the_shape_asked_for(image_shape, channels, in_shape):
    decoder = ConvDecoder(in_shape, image_shape, channels, hidden_size=8, activation=nn.ReLU)
    assert decoder(torch.zeros(5, *in_shape)).shape == (5, *image_shape)


def encoder_and_input():
    return ConvEncoder((1, 8, 8), (4,), (4, 8), 8, nn.Tanh), torch.randn(5, 1, 8, 8)


def decoder_and_input():
    return ConvDecoder((4,), (1, 8, 8), (4, 8), 8, nn.Tanh), torch.randn(5, 4)


@pytest.mark.parametrize("build", [encoder_and_input, decoder_and_input])
def test_gradients_reach_every_parameter(build):
    torch.manual_seed(0)
    network, x = build()
    network(x).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("build", [encoder_and_input, decoder_and_input])
def test_image_by_image_equals_the_batch(build):
    torch.manual_seed(0)
    network, x = build()
    network, x = network.double(), x.double()
    torch.testing.assert_close(torch.cat([network(one[None]) for one in x]), network(x))


@pytest.mark.parametrize("build", [encoder_and_input, decoder_and_input])
def test_the_output_is_not_squashed_by_an_activation(build):
    torch.manual_seed(0)
    network, x = build()
    last = [m for m in network.modules() if isinstance(m, nn.Linear | nn.ConvTranspose2d)][-1]
    nn.init.constant_(last.bias, 5.0)  # beyond the range of Tanh
    assert network(x).max() > 1


def test_decoder_takes_the_encoder_channels_in_reverse():
    decoder = ConvDecoder((4,), (1, 16, 16), (2, 4, 8), hidden_size=8, activation=nn.ReLU)
    layers = [m for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in layers] == [(8, 4), (4, 2), (2, 1)]


def test_even_sizes_are_halved_by_kernels_of_four_pixels():
    torch.manual_seed(0)
    network = ConvEncoder((1, 28, 28), (4,), (16, 32), 8, nn.ReLU)
    torch.manual_seed(0)
    expected = nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 8), nn.ReLU(), nn.Linear(8, 4),
    )  # fmt: skip
    x = torch.rand(5, 1, 28, 28)
    assert torch.equal(network(x), expected(x))


def test_every_pixel_of_an_odd_size_is_seen_and_reached():
    torch.manual_seed(0)
    x = torch.rand(1, 1, 9, 11, requires_grad=True)
    ConvEncoder((1, 9, 11), (4,), (4, 8), 8, nn.Tanh)(x).square().sum().backward()
    assert (x.grad != 0).all()
    decoder = ConvDecoder((4,), (1, 9, 11), (4, 8), 8, nn.Tanh)
    images = decoder(torch.randn(2, 4))
    assert (images[0] != images[1]).all()
