"""Fully connected networks: shapes, gradients, limits, errors."""

import pytest
import torch
from torch import nn

from vae_lab.model.networks import MLP


@pytest.mark.parametrize("normalization", [None, nn.LayerNorm, nn.BatchNorm1d])
@pytest.mark.parametrize("hidden_sizes", [(), (7,), (8, 4)])
@pytest.mark.parametrize(
    ("in_shape", "out_shape"), [((1, 4, 6), (5,)), ((3,), (2, 4, 4)), ((2,), (3,))]
)
def test_output_has_the_shape_asked_for(in_shape, out_shape, hidden_sizes, normalization):
    network = MLP(in_shape, out_shape, hidden_sizes, nn.ReLU, normalization)
    assert network(torch.zeros(5, *in_shape)).shape == (5, *out_shape)


@pytest.mark.parametrize("normalization", [None, nn.LayerNorm])
@pytest.mark.parametrize("hidden_sizes", [(), (8, 4)])
def test_gradients_reach_every_parameter(hidden_sizes, normalization):
    torch.manual_seed(0)
    network = MLP((1, 4, 4), (3,), hidden_sizes, nn.Tanh, normalization)
    network(torch.randn(5, 1, 4, 4)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_hidden_layers_have_the_widths_asked_for_in_order():
    network = MLP((1, 4, 4), (3,), (8, 5), nn.Tanh, None)
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(16, 8), (8, 5), (5, 3)]


def test_normalization_stands_before_each_activation_and_not_at_the_output():
    network = MLP((4,), (3,), (8, 5), nn.Tanh, nn.LayerNorm)
    block = [nn.Linear, nn.LayerNorm, nn.Tanh]
    assert [type(m) for m in network] == [*block, *block, nn.Linear]


def test_without_hidden_layers_the_network_is_affine():
    torch.manual_seed(0)
    network = MLP((2, 3), (4,), (), nn.ReLU, None).double()
    a, b = torch.randn(2, 1, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(
        network(a + b) + network(torch.zeros_like(a)), network(a) + network(b)
    )


def test_image_by_image_equals_the_batch():
    torch.manual_seed(0)
    network = MLP((1, 4, 4), (3,), (8,), nn.Tanh, nn.LayerNorm).double()
    x = torch.randn(5, 1, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(torch.cat([network(image[None]) for image in x]), network(x))


@pytest.mark.parametrize("hidden_sizes", [[0], [8, 0], [-1]])
def test_a_width_less_than_one_is_refused(hidden_sizes):
    with pytest.raises(ValueError, match=r"hidden_sizes must be .* at least 1, got \["):
        MLP((4,), (3,), hidden_sizes, nn.ReLU, None)
