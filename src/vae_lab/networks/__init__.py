"""Networks: tensor → tensor, from (B, *in_shape) to (B, *out_shape). They know no probability."""

from vae_lab.networks.conv import ConvDecoder, ConvEncoder
from vae_lab.networks.mlp import MLP

__all__ = ["MLP", "ConvDecoder", "ConvEncoder"]
