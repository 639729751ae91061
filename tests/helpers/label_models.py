"""Models that know labels, small enough to be checked against closed forms."""

from functools import partial

import torch
from linear_gaussian import IMAGE_SHAPE, LATENT_DIM
from torch import nn
from torch.distributions import MultivariateNormal

from vae_lab.model.conditioning import LabelConditioning
from vae_lab.model.label_prior import PerLabel
from vae_lab.model.likelihoods import Normal
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import DiagonalNormal
from vae_lab.model.priors import StandardNormal
from vae_lab.model.semi_supervised import SemiSupervisedVAE
from vae_lab.model.vae import VAE

CLASSES = ("a", "b", "c")
linear = partial(MLP, hidden_sizes=(), activation=nn.Identity, normalization=None)


def label_model(prior="standard_normal", kind=VAE, **further):
    """Build a linear-Gaussian model of three classes, in float64, with random weights."""
    torch.manual_seed(0)
    slots = {
        "posterior": DiagonalNormal(LATENT_DIM, log_scale_range=None),
        "prior": PerLabel(LATENT_DIM, CLASSES, spread=1.0)
        if prior == "per_label"
        else StandardNormal(LATENT_DIM),
        "likelihood": Normal(scale=0.5, learned=True),
        "conditioning": LabelConditioning(CLASSES, IMAGE_SHAPE),
    }
    model = kind(IMAGE_SHAPE, LATENT_DIM, linear, linear, **slots | further).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def semi_supervised(prior="standard_normal", alpha=0.1):
    """Build M2 of three classes."""
    return label_model(prior, SemiSupervisedVAE, classifier=linear, alpha=alpha)


def exact_log_px_given_y(model, x, label):
    """Return log p(x|y) of a linear decoder: N(W μ_y + V e_y + b, W Σ_y Wᵀ + σ² I), (B,)."""
    layer, variance = model.decoder[0], (2 * model.likelihood.log_scale).exp()
    weight, of_label = layer.weight.split([LATENT_DIM, len(CLASSES)], dim=1)
    p = model.prior.given(model.encode, torch.tensor([label]))
    mean = weight @ p.mean.reshape(-1) + of_label[:, label] + layer.bias
    spread = weight @ p.variance.reshape(-1).diag() @ weight.T
    noise = variance * torch.eye(len(weight), dtype=x.dtype)
    return MultivariateNormal(mean, spread + noise).log_prob(x.flatten(1))
