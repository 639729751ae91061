"""Gated layers: shapes, the formula, errors."""

import pytest
import torch
from monte_carlo import assert_mean_is
from torch import nn

from vae_lab.model.networks import GatedMLP


@pytest.mark.parametrize("hidden_sizes", [(), (7,), (8, 4)])
@pytest.mark.parametrize(
    ("in_shape", "out_shape"), [((1, 4, 6), (5,)), ((3,), (2, 4, 4)), ((2,), (3,))]
)
def test_output_has_the_shape_asked_for(in_shape, out_shape, hidden_sizes):
    network = GatedMLP(in_shape, out_shape, hidden_sizes)
    assert network(torch.zeros(5, *in_shape)).shape == (5, *out_shape)


def test_a_layer_is_a_linear_map_times_the_sigmoid_of_another():
    torch.manual_seed(0)
    network = GatedMLP((4,), (3,), (2,)).double()
    hidden, output = [module for module in network if isinstance(module, nn.Linear)]
    x = torch.randn(5, 4, dtype=torch.float64)
    (w, v), (b, c) = hidden.weight.chunk(2), hidden.bias.chunk(2)
    gated = (x @ w.T + b) * torch.sigmoid(x @ v.T + c)
    torch.testing.assert_close(network(x), gated @ output.weight.T + output.bias)


def test_hidden_layers_have_the_widths_asked_for_in_order():
    layers = [m for m in GatedMLP((1, 4, 4), (3,), (8, 5)) if isinstance(m, nn.Linear)]
    widths = [(layer.in_features, layer.out_features) for layer in layers]
    assert widths == [(16, 2 * 8), (8, 2 * 5), (5, 3)]


def test_weights_begin_with_a_variance_of_two_over_the_fan_in():
    torch.manual_seed(0)
    layers = [m for m in GatedMLP((100,), (70,), (60,)) if isinstance(m, nn.Linear)]
    for layer in layers:
        weights = layer.weight.detach().flatten()
        assert_mean_is(weights, 0.0)
        assert_mean_is(weights.square(), 2 / layer.in_features)


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network = GatedMLP((1, 4, 4), (3,), (8, 4))
    network(torch.randn(5, 1, 4, 4)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_image_by_image_equals_the_batch():
    torch.manual_seed(0)
    network = GatedMLP((1, 4, 4), (3,), (8,)).double()
    x = torch.randn(5, 1, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(torch.cat([network(image[None]) for image in x]), network(x))


@pytest.mark.parametrize("hidden_sizes", [[0], [8, 0], [-1]])
def test_a_width_less_than_one_is_refused(hidden_sizes):
    with pytest.raises(ValueError, match=r"hidden_sizes must be .* at least 1, got \["):
        GatedMLP((4,), (3,), hidden_sizes)
