"""Tiny models with discrete codes, of which all codes can be listed."""

from functools import partial
from itertools import product

import torch
from torch import Tensor, nn

from vae_lab.model.code_posteriors import Categorical, CodePosterior
from vae_lab.model.code_priors import Autoregressive, UniformCodes
from vae_lab.model.likelihoods import Bernoulli
from vae_lab.model.networks import MLP
from vae_lab.model.priors import Prior
from vae_lab.model.vae import VAE

UNITS, CLASSES = 2, 3
IMAGE_SHAPE = (1, 2, 3)


def categorical(gradient: str = "relaxed", temperature: float = 1.0) -> Categorical:
    """Return a posterior of two units of three values."""
    return Categorical(UNITS, CLASSES, gradient, temperature, temperature, annealing_epochs=1)


def tiny(posterior: CodePosterior, prior: Prior | None = None) -> VAE:
    """Build a model in float64, with weights so large that codes matter."""
    torch.manual_seed(0)
    linear = partial(MLP, hidden_sizes=(), activation=nn.Identity, normalization=None)
    prior = UniformCodes() if prior is None else prior
    model = VAE(IMAGE_SHAPE, UNITS, linear, linear, posterior, prior, Bernoulli()).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


def autoregressive() -> Autoregressive:
    """Return a prior in which the second unit depends on the first."""
    return Autoregressive(features=4, hidden_sizes=[8])


def all_codes() -> Tensor:
    """Return every code, one-hot, (C^D, D·C)."""
    codes = torch.tensor(list(product(range(CLASSES), repeat=UNITS)))
    return nn.functional.one_hot(codes, CLASSES).flatten(1).double()


def images(count: int) -> Tensor:
    """Return binary images, (B, 1, 2, 3)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(2, (count, *IMAGE_SHAPE), generator=generator).double()


def listed(model: VAE, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return log p(x|z), log p(z), log q(z|x) of every code and each image, (C^D, B)."""
    z = all_codes()
    log_px = model.decode(z[:, None].expand(-1, len(x), -1)).log_prob(x)
    log_pz = model.prior(model.encode).log_prob(z)[:, None].expand_as(log_px)
    log_probs = model.encode(x).log_probs
    log_qz = torch.einsum("ndc,bdc->nb", z.unflatten(-1, (UNITS, CLASSES)), log_probs)
    return log_px, log_pz, log_qz
