"""Ladders of latents small enough to integrate over, and their densities written out anew."""

from functools import partial

import torch
from flow_models import spread_weights
from torch import nn
from torch.distributions import Bernoulli as BernoulliPixels
from torch.distributions import Normal

from vae_lab.model.ladder import LadderVAE
from vae_lab.model.likelihoods import Bernoulli
from vae_lab.model.networks import ResNetDown, ResNetUp
from vae_lab.model.posteriors import DiagonalNormal
from vae_lab.model.priors import StandardNormal

WIDER = 0.2  # log of how much wider than the prior posteriors are, so that weights are bounded


def ladder(image_shape=(1, 4, 4), channels=(3, 4), latent_channels=(1,), latent_dim=1, **parts):
    """Build a ladder of binary images, in float64, its weights far from those it would start with.

    Its normal posteriors are as wide for every image, a little wider than the prior.
    """
    torch.manual_seed(0)
    options = {"blocks": 1, "activation": nn.SiLU}
    slots = {
        "up": partial(ResNetDown, **options),
        "down": partial(ResNetUp, **options),
        "posterior": DiagonalNormal(latent_dim, log_scale_range=None),
        "prior": StandardNormal(latent_dim),
        "likelihood": Bernoulli(),
    }
    model = LadderVAE(image_shape, latent_dim, channels, latent_channels, **slots | parts)
    spread_weights(model.double())
    with torch.no_grad():
        if isinstance(model.posterior, DiagonalNormal):
            _fix_scale(model.to_posterior, WIDER)
        for group in model.groups:
            _fix_scale(group.posterior_above, WIDER)
            _fix_scale(group.posterior_image, 0.0)
    return model


def _fix_scale(layer, log_scale):
    half = len(layer.bias) // 2
    layer.weight[half:] = 0.0
    layer.bias[half:] = log_scale


def binary_images_for(model, count):
    """Return ``count`` random images, the same ones at every call."""
    generator = torch.Generator().manual_seed(1)
    shape = (count, *model.image_shape)
    return torch.randint(2, shape, generator=generator).to(torch.float64)


class TwoLevels:
    """What a ladder of two levels means, written out for one image x (1, C, H, W).

    ``top`` (N, D) and ``bottom`` (N, c, h, w) are its latents.
    """

    def __init__(self, model, x):
        self.model, self.x = model, x
        with torch.no_grad():
            self.low = model.ups[0](x)
            self.parameters = model.to_posterior(model.ups[1](self.low).flatten(1))

    def split(self, z):
        """Cut z (N, D + c·h·w) into ``top`` and ``bottom``."""
        size = self.model.latent_dim
        return z[:, :size], z[:, size:].reshape(len(z), -1, *self.low.shape[2:])

    def top_posterior(self):
        mean, log_scale = self.parameters.chunk(2, dim=1)
        return Normal(mean, log_scale.exp())

    def above(self, top):
        h = self.model.from_latent(top).reshape(-1, *self.model.top_shape)
        return self.model.downs[1](h)

    def bottom_prior(self, top):
        mean, log_scale = self.model.groups[0].prior(self.above(top)).chunk(2, dim=1)
        return Normal(mean, log_scale.exp())

    def bottom_posterior(self, top):
        p, group = self.bottom_prior(top), self.model.groups[0]
        relative = group.posterior_above(self.above(top)) + group.posterior_image(self.low)
        shift, log_stretch = relative.chunk(2, dim=1)
        return Normal(p.mean + p.stddev * shift, p.stddev * log_stretch.exp())

    def pixels(self, top, bottom):
        return BernoulliPixels(
            logits=self.model.downs[0](self.above(top) + self.model.groups[0].back(bottom))
        )

    def log_px(self, z):
        top, bottom = self.split(z)
        return self.pixels(top, bottom).log_prob(self.x).flatten(1).sum(1)

    def log_pz(self, z):
        top, bottom = self.split(z)
        log_top = Normal(torch.zeros_like(top), 1.0).log_prob(top).sum(1)
        return log_top + self.bottom_prior(top).log_prob(bottom).flatten(1).sum(1)

    def log_qz(self, z):
        top, bottom = self.split(z)
        log_top = self.top_posterior().log_prob(top).sum(1)
        return log_top + self.bottom_posterior(top).log_prob(bottom).flatten(1).sum(1)
