"""Residual levels: shapes of every size, how they start, gradients."""

import pytest
import torch
from torch import nn

from vae_lab.model.networks import ResNetDecoder, ResNetDown, ResNetEncoder, ResNetUp
from vae_lab.model.networks.resnet import ResidualBlock

LEVELS = [
    ((1, 28, 28), (4, 14, 14)),
    ((4, 14, 14), (6, 7, 7)),
    ((6, 7, 7), (8, 4, 4)),
    ((3, 32, 31), (5, 16, 16)),
    ((2, 5, 8), (3, 3, 4)),
    ((2, 1, 2), (2, 1, 1)),
]
CONFIGS = [
    ((1, 28, 28), (4, 8)),
    ((1, 28, 28), (2, 3, 4, 5)),
    ((3, 32, 32), (4, 8, 4)),
    ((1, 27, 30), (4, 8)),
    ((2, 5, 7), (4, 8, 4)),
    ((1, 1, 1), (2,)),
    ((1, 6, 6), ()),
]


@pytest.mark.parametrize("blocks", [0, 1, 2])
@pytest.mark.parametrize(("fine", "coarse"), LEVELS)
def test_a_level_leads_to_the_next_and_back(fine, coarse, blocks):
    down, up = (
        level(*shapes, blocks=blocks, activation=nn.SiLU)
        for level, shapes in ((ResNetDown, (fine, coarse)), (ResNetUp, (coarse, fine)))
    )
    assert down(torch.zeros(5, *fine)).shape == (5, *coarse)
    assert up(torch.zeros(5, *coarse)).shape == (5, *fine)
    for level in (down, up):
        assert sum(isinstance(m, ResidualBlock) for m in level.modules()) == blocks


@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize(("image_shape", "channels"), CONFIGS)
def test_both_ends_have_the_shapes_asked_for(image_shape, channels, blocks):
    for ends in ((6,), (2, 3)):
        encoder = ResNetEncoder(image_shape, ends, channels, blocks, nn.SiLU)
        decoder = ResNetDecoder(ends, image_shape, channels, blocks, nn.SiLU)
        assert encoder(torch.zeros(5, *image_shape)).shape == (5, *ends)
        assert decoder(torch.zeros(5, *ends)).shape == (5, *image_shape)


def test_levels_have_half_the_size_rounded_up():
    encoder = ResNetEncoder((1, 28, 28), (6,), (2, 3, 4), 1, nn.SiLU)
    sizes, h = [], torch.zeros(1, 1, 28, 28)
    for layer in encoder:
        h = layer(h)
        sizes += [tuple(h.shape[1:])] if isinstance(layer, ResNetDown) else []
    assert sizes == [(2, 14, 14), (3, 7, 7), (4, 4, 4)]


def test_every_pixel_is_seen_and_reached_at_every_size():
    torch.manual_seed(0)
    for size in (4, 5, 6, 7):
        down = ResNetDown((1, size, size), (2, (size + 1) // 2, (size + 1) // 2), 0, nn.SiLU)
        up = ResNetUp((2, (size + 1) // 2, (size + 1) // 2), (1, size, size), 0, nn.Identity)
        x = torch.zeros(1, 1, size, size, requires_grad=True)
        down(x).square().sum().backward()
        assert (x.grad != 0).all()
        with torch.no_grad():
            h = torch.randn(1, 2, (size + 1) // 2, (size + 1) // 2)
            assert (up(h) != up(torch.zeros_like(h))).all()


def test_a_block_begins_as_the_identity():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 4)
    assert torch.equal(ResidualBlock(3, nn.SiLU)(x), x)


def test_a_block_adds_two_convolutions_of_what_is_activated():
    torch.manual_seed(0)
    block = ResidualBlock(3, nn.SiLU).double()
    first, last = (m for m in block.modules() if isinstance(m, nn.Conv2d))
    nn.init.normal_(last.weight)
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    silu = nn.functional.silu
    torch.testing.assert_close(block(x), x + last(silu(first(silu(x)))))


def encoder_and_input():
    return ResNetEncoder((1, 6, 7), (4,), (4, 8), 1, nn.SiLU), torch.randn(5, 1, 6, 7)


def decoder_and_input():
    return ResNetDecoder((4,), (1, 6, 7), (4, 8), 1, nn.SiLU), torch.randn(5, 4)


@pytest.mark.parametrize("build", [encoder_and_input, decoder_and_input])
def test_gradients_reach_every_parameter_once_blocks_are_open(build):
    torch.manual_seed(0)
    network, x = build()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
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
    nn.init.constant_(last.bias, -5.0)  # beyond the range of SiLU
    assert network(x).min() < -1


def test_decoder_takes_the_encoder_channels_in_reverse():
    decoder = ResNetDecoder((4,), (1, 16, 16), (2, 4, 8), 0, nn.SiLU)
    layers = [m for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in layers] == [(8, 4), (4, 2), (2, 1)]
