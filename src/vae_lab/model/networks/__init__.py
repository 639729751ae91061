"""Networks: tensor → tensor, from (B, *in_shape) to (B, *out_shape). They know no probability."""

from vae_lab.model.networks.conv import ConvDecoder, ConvEncoder
from vae_lab.model.networks.gated_mlp import GatedMLP
from vae_lab.model.networks.mlp import MLP
from vae_lab.model.networks.resnet import ResNetDecoder, ResNetDown, ResNetEncoder, ResNetUp

__all__ = [
    "MLP",
    "ConvDecoder",
    "ConvEncoder",
    "GatedMLP",
    "ResNetDecoder",
    "ResNetDown",
    "ResNetEncoder",
    "ResNetUp",
]
