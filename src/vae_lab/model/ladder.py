"""A hierarchical VAE: several groups of latents, from a vector at the top to maps below it.

Shapes: B images, K samples per image, D latents of the top, C×H×W pixels. Samples lead.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_lab.checks import Levels, Shape, Size, checked
from vae_lab.model.conditioning import Conditioning
from vae_lab.model.contract import Draw, Model, NetworkFactory, in_full_precision
from vae_lab.model.distributions import (
    DiagonalGaussian,
    StandardGaussian,
    closed_kl,
    kl_per_dim,
    rsample_and_log_prob,
    tempered,
)
from vae_lab.model.likelihoods import Likelihood
from vae_lab.model.posteriors import Posterior
from vae_lab.model.priors import Prior


@dataclass(frozen=True)
class GroupTerms:
    """What one group adds to a draw: log terms (N,) and KL per unit (N, U) in nats, z (N, d)."""

    log_pz: Tensor
    log_qz: Tensor
    kl: Tensor
    z: Tensor


class LatentMap(nn.Module):
    """One group below the top: z (c, H, W) given what is above it, and given the image too.

    The prior is N(μ, diag σ²) with (μ, σ) computed from the features above. The posterior is
    relative to it, N(μ + σ Δμ, diag (σ Δσ)²), after Vahdat & Kautz 2020, §3.2, arXiv:2007.03898,
    where the shift is not in units of σ. For u = (z − μ) / σ the prior is thus N(0, I) and the
    posterior N(Δμ, diag Δσ²).

    Args:
        channels: of the features above, and of the encoder's features at this level.
        latent_channels: c.
    """

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__()
        self.prior = nn.Conv2d(channels, 2 * latent_channels, 1)
        self.posterior_above = nn.Conv2d(channels, 2 * latent_channels, 1)
        self.posterior_image = nn.Conv2d(channels, 2 * latent_channels, 1)
        self.back = nn.Conv2d(latent_channels, channels, 1)

    def forward(self, above: Tensor, evidence: Tensor) -> tuple[Tensor, GroupTerms]:
        """Sample from the posterior.

        Args:
            above: features, (N, channels, H, W).
            evidence: ``posterior_image`` of the encoder's features, (N, 2c, H, W).

        Returns:
            The features with z added, and the log terms.
        """
        mean, log_scale = self._halves(self.prior(above))
        shift, log_stretch = self._halves(self.posterior_above(above) + evidence)
        q = DiagonalGaussian(shift.flatten(1), log_stretch.flatten(1))
        p = StandardGaussian(torch.zeros_like(q.mean[0]))
        u, log_qu = q.rsample_and_log_prob(())
        z = mean + log_scale.exp() * u.reshape(mean.shape)
        volume = log_scale.flatten(1).sum(1)
        kl = cast(Tensor, kl_per_dim(q, p)).unflatten(1, (mean.shape[1], -1)).sum(-1)
        terms = GroupTerms(p.log_prob(u) - volume, log_qu - volume, kl, z.flatten(1))
        return above + self.back(z), terms

    def imagine(self, above: Tensor, temperature: float) -> Tensor:
        """Return the features with z added from the prior, its scale times ``temperature``."""
        mean, log_scale = self._halves(self.prior(above))
        if temperature == 0:  # an exported decoder must contain no random operation
            return above + self.back(mean)
        noise = torch.randn_like(mean)
        return above + self.back(mean + temperature * log_scale.exp() * noise)

    def reconstruct(self, above: Tensor, evidence: Tensor) -> Tensor:
        """Return the features with the posterior mean of z added."""
        mean, log_scale = self._halves(self.prior(above))
        shift, _ = self._halves(self.posterior_above(above) + evidence)
        return above + self.back(mean + log_scale.exp() * shift)

    def _halves(self, parameters: Tensor) -> tuple[Tensor, ...]:
        # .to: in mixed precision a network's output has too few digits for densities
        return parameters.to(self.prior.weight.dtype).chunk(2, dim=1)


@checked
class LadderVAE(Model):
    """x ↔ maps of latents ↔ a vector of latents, inferred from both directions.

    The encoder goes up once; every group's posterior then sees the encoder's features at its level
    and the latents above it. Sønderby et al. 2016, arXiv:1602.02282; Kingma et al. 2016,
    arXiv:1606.04934. The top group has the parts of a flat VAE; one level makes a flat VAE.

    Where only latents of the top are given or asked for, as in ``encode`` and ``decode``, the
    groups below it take the means of their priors.

    Args:
        image_shape: (C, H, W).
        latent_dim: D of the top group.
        channels: of the features at each level, from the image upwards; a level has half the size
            of the one before, and the last carries the top group.
        latent_channels: of the group at each level but the last.
        up: builds the network from a level to the next, both (C, H, W).
        down: builds the network from a level to the one before.
        posterior: of the top group.
        prior: of the top group: ``encode`` → p(z).
        likelihood: features → p(x|z).
        conditioning: joins labels to images and to latents of the top; None for a model that knows
            none.

    Raises:
        ValueError: if ``latent_dim`` is less than 1, or ``latent_channels`` do not fit.
    """

    def __init__(
        self,
        image_shape: Shape,
        latent_dim: Size,
        channels: Levels,
        latent_channels: Sequence[Size],
        up: NetworkFactory,
        down: NetworkFactory,
        posterior: Posterior,
        prior: Prior,
        likelihood: Likelihood,
        conditioning: Conditioning | None = None,
    ) -> None:
        super().__init__()
        if len(latent_channels) != len(channels) - 1:
            raise ValueError(
                "model.latent_channels needs one number for each of model.channels but the last, "
                f"got {list(latent_channels)} for {list(channels)}"
            )
        if posterior.code_shape is not None:
            raise ValueError("model=ladder has no discrete codes; take a flat model: model=mlp")
        prior.bind(posterior)
        depth, height, width = self.image_shape = tuple(image_shape)
        conditioning = conditioning or Conditioning()
        self.latent_dim = latent_dim
        shapes = []
        for count in channels:
            height, width = (height + 1) // 2, (width + 1) // 2
            shapes.append((count, height, width))
        features = (likelihood.num_features(depth), *self.image_shape[1:])
        self.ups = nn.ModuleList(
            up(in_shape=fine, out_shape=coarse)
            for fine, coarse in pairwise([conditioning.image_shape(self.image_shape), *shapes])
        )
        self.downs = nn.ModuleList(
            down(in_shape=coarse, out_shape=fine) for fine, coarse in pairwise([features, *shapes])
        )
        self.groups = nn.ModuleList(map(LatentMap, channels[:-1], latent_channels))
        self.num_groups = 1 + len(self.groups)
        self.to_posterior = nn.Linear(math.prod(shapes[-1]), posterior.num_parameters)
        self.from_latent = nn.Linear(conditioning.latent_dim(latent_dim), math.prod(shapes[-1]))
        self.top_shape = shapes[-1]
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood
        self.conditioning = conditioning

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map images (B, C, H, W) to q of the top group: batch (B,), event (D,)."""
        return self._climb(x, labels)[0]

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map latents of the top (..., D) to p(x|z): batch (...), event (C, H, W)."""
        seen = self.conditioning.with_latent(self.posterior.support.onto(z), labels)
        top = seen.reshape(-1, seen.shape[-1])
        features = self._descend(top, partial(_imagine, temperature=0.0))
        return self.likelihood(features.reshape(*z.shape[:-1], *features.shape[1:]))

    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return E[x|z] at the means of all posteriors, (B, C, H, W), for images of that shape."""
        q, evidence = self._climb(x, labels)
        features = self._descend(
            self.conditioning.with_latent(q.mean, labels),
            lambda level, group, h: group.reconstruct(h, evidence[level]),
        )
        return self.likelihood(features).mean

    def sample(
        self, num_images: int, temperature: float = 1.0, labels: Tensor | None = None
    ) -> Tensor:
        """Return E[x|z] for ``num_images`` latents z ~ p(z), all groups sampled, (N, C, H, W)."""
        labels = self._labels_of_samples(labels, num_images)
        p = tempered(self._prior_given(labels), temperature)
        top = p.sample() if p.batch_shape else p.sample((num_images,))
        seen = self.conditioning.with_latent(top, labels)
        return self.likelihood(self._descend(seen, partial(_imagine, temperature=temperature))).mean

    def condition(
        self, x: Tensor, path_gradient: bool = False, labels: Tensor | None = None
    ) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) once; return the function K → ``draw(x, K)``."""
        if path_gradient:
            raise ValueError("a path gradient needs a flat model, such as model=mlp")
        q, evidence = self._climb(x, labels)
        return partial(self._draw, x, labels, q, evidence, self._prior_given(labels))

    def _draw(
        self,
        x: Tensor,
        labels: Tensor | None,
        q: Distribution,
        evidence: list[Tensor],
        p: Distribution,
        count: int,
    ) -> Draw:
        with in_full_precision(x):
            z, log_qz = rsample_and_log_prob(q, count)
            log_pz, per_dim = p.log_prob(z), kl_per_dim(q, p)
        kl = per_dim
        if kl is None:
            whole = closed_kl(q, p)
            kl = (log_qz - log_pz if whole is None else whole.expand(count, -1))[..., None]
        else:
            kl = kl.expand(count, -1, -1)
        terms = [GroupTerms(*(t.flatten(0, 1) for t in (log_pz, log_qz, kl, z)))]

        def infer(level: int, group: LatentMap, above: Tensor) -> Tensor:
            features, added = group(above, evidence[level].repeat(count, 1, 1, 1))
            terms.append(added)
            return features

        seen = self.conditioning.with_latent(z, labels).flatten(0, 1)
        features = self._descend(seen, infer)
        kl_per_unit = torch.cat([t.kl for t in terms], dim=-1).unflatten(0, (count, -1)).mean(0)
        return Draw(
            log_px=self.likelihood(features.unflatten(0, (count, -1))).log_prob(x),
            prior_density=lambda: _total([t.log_pz for t in terms], count),
            posterior_density=lambda: _total([t.log_qz for t in terms], count),
            kl_per_unit=kl_per_unit,
            has_kl_per_dim=per_dim is not None,
            z=torch.cat([t.z for t in terms], dim=-1).unflatten(0, (count, -1)),
            q=q if self.num_groups == 1 else None,
            p=p if self.num_groups == 1 else None,
        )

    def _climb(self, x: Tensor, labels: Tensor | None) -> tuple[Distribution, list[Tensor]]:
        """Return q of the top, and by level the image's ``evidence`` for each group below it."""
        h, evidence = self.conditioning.with_image(x, labels), []
        for level, up in enumerate(self.ups):
            h = up(h)
            if level < len(self.groups):
                evidence.append(self._group(level).posterior_image(h))
        # .to: in mixed precision a network's output has too few digits for densities
        return self.posterior(self.to_posterior(h.flatten(1)).to(x.dtype)), evidence

    def _descend(self, top: Tensor, visit: Callable[[int, LatentMap, Tensor], Tensor]) -> Tensor:
        """Return the likelihood's features for the top's latents with their labels (N, D).

        ``visit`` maps (level, group, h) to the features h with the latents of that group added.
        """
        h = self.from_latent(top).unflatten(1, self.top_shape)
        for level in reversed(range(len(self.downs))):
            if level < len(self.groups):
                h = visit(level, self._group(level), h)
            h = cast(nn.Module, self.downs[level])(h)
        return h.to(top.dtype)

    def _group(self, level: int) -> LatentMap:
        return cast(LatentMap, self.groups[level])


def _total(terms: list[Tensor], count: int) -> Tensor:
    """Return the sum of terms of every group, each (K·B,), as (K, B), K = ``count``."""
    return torch.stack(terms).sum(0).unflatten(0, (count, -1))


def _imagine(level: int, group: LatentMap, above: Tensor, temperature: float) -> Tensor:
    return group.imagine(above, temperature)
