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


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(27, 27, (4,)), (28, 27, (4,)), (28, 28, (4, 8, 16))]
)
def test_an_image_that_cannot_be_halved_so_often_is_refused(height, width, channels):
    message = f"a {height}×{width} image cannot be halved {len(channels)} times"
    with pytest.raises(ValueError, match=message):
        ConvEncoder((1, height, width), (4,), channels, 8, nn.ReLU)
    with pytest.raises(ValueError, match=message):
        ConvDecoder((4,), (1, height, width), channels, 8, nn.ReLU)
