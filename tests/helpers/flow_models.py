"""VAEs whose posterior is a normalizing flow, small and far from the identity."""

from functools import partial
from typing import Literal

import torch
import zuko
from torch import nn

from vae_lab.model.likelihoods import Bernoulli
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import DiagonalNormal, FlowPosterior, Posterior
from vae_lab.model.priors import StandardNormal
from vae_lab.model.vae import VAE

Kind = Literal["affine", "spline"]

CONTEXT_DIM = 3
FLOWS = {
    # tanh: a smooth flow has a smooth density, which a grid integrates to the last digit
    "affine": partial(zuko.flows.MAF, transforms=2, hidden_features=[8], activation=nn.Tanh),
    "spline": partial(zuko.flows.NSF, transforms=2, hidden_features=[8], activation=nn.Tanh),
}


def spread_weights(module: nn.Module) -> None:
    """Draw every weight from N(0, 0.2²), so that the flow is no identity."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)


def flow_posterior(kind: Kind, latent_dim: int = 2) -> FlowPosterior:
    """Build the posterior, in float64."""
    torch.manual_seed(0)
    posterior = FlowPosterior(latent_dim, CONTEXT_DIM, FLOWS[kind]).double()
    spread_weights(posterior)
    return posterior


def flow_model(kind: Kind) -> VAE:
    """Build a VAE of binary images (1, 4, 4) with D = 2, in float64."""
    return _model(flow_posterior(kind))


def normal_model() -> VAE:
    """Build the same VAE with a diagonal normal posterior."""
    torch.manual_seed(0)
    return _model(DiagonalNormal(2, log_scale_range=None))


def _model(posterior: Posterior) -> VAE:
    network = partial(MLP, hidden_sizes=(8,), activation=nn.Tanh, normalization=None)
    parts = (posterior, StandardNormal(2), Bernoulli())
    return VAE((1, 4, 4), 2, network, network, *parts).double()
