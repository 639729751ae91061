"""Posteriors: the encoder's output → q(z|x).

To add one, write a subclass of ``Posterior``, here or in a file of its own, and
``conf/posterior/<name>.yaml``::

    # @package model.posterior
    _target_: vae_lab.model.<file>.<Class>
    latent_dim: ${latent_dim}

``posterior=<name>`` then selects it.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from zuko.lazy import Flow as ZukoFlow

from vae_lab.checks import Limits, Size, Whole, checked
from vae_lab.model.distributions import (
    Delta,
    DiagonalGaussian,
    PowerSpherical,
    TransformedGaussian,
)
from vae_lab.model.support import Support, require_sphere

MEAN_POINTS = 64

LogTerms = tuple[Tensor, Tensor, Tensor]


class Posterior(nn.Module):
    """What every posterior offers.

    The distribution that it returns has to have ``mean``, ``log_prob`` and ``rsample``, or
    ``rsample_and_log_prob`` in place of the last two where one pass gives both. ``mean`` is the
    point that stands for an image where a single one is needed, and lies in ``support``.

    Attributes:
        num_parameters: how many numbers the encoder delivers per image.
        support: where z lies; only a prior of the same support goes with it.
        is_point_mass: whether q(z|x) is a single point, which has no density and hence no KL.
        factorises: whether the dimensions of z are independent under q(z|x); the distribution then
            has ``log_prob_per_dim``, z (..., D) → log q(z_d|x) (..., D).
        has_rsample: whether samples carry gradients to the parameters of q(z|x), as in torch.
        has_full_support: whether q(z|x) covers all latents, as importance sampling needs it to.
        least_samples: how many samples of an image training needs.
        collects_statistics: whether it changes with every draw of training, by what is encoded.
        unit_width: how many numbers of z belong to one unit, of which there are ``latent_dim``.
    """

    num_parameters: int
    support = Support.SPACE
    is_point_mass = False
    factorises = False
    has_rsample = True
    has_full_support = True
    least_samples = 1
    collects_statistics = False
    unit_width = 1

    @property
    def code_shape(self) -> tuple[int, int] | None:
        """Of discrete codes, units and the values that each may take, (D, C); else None."""
        return None

    @property
    def completes(self) -> bool:
        """Whether ``complete`` adds gradients to the terms of a draw."""
        return type(self).complete is not Posterior.complete

    def forward(self, parameters: Tensor) -> Distribution:
        """Map parameters (B, num_parameters) to q(z|x): batch (B,), event (D,)."""
        raise NotImplementedError

    def point(self, q: Distribution) -> Tensor:
        """Return the latents (B, D) that stand for an image: the mean, unless it is no latent."""
        return q.mean

    def in_latent_space(self, p: Distribution) -> Distribution:
        """Return the prior of z; ``p`` may know codes, and not what stands for them in z."""
        return p

    def complete(self, q: Distribution, terms: LogTerms) -> LogTerms:
        """Return log p(x|z), log p(z) and log q(z|x), (K, B), with gradients that samples lack.

        Asked of what ``completes``. Values stay as they are. While training, this sees every draw
        once.
        """
        return terms

    def scheduled(self, epoch: float) -> dict[str, float]:
        """Return the numbers that follow a schedule, by name, after ``epoch`` epochs."""
        return {}

    def follow(self, epoch: float) -> None:
        """Take over the numbers that follow a schedule, before training goes on at ``epoch``."""


@checked
class DiagonalNormal(Posterior):
    """q(z|x) = N(z; μ(x), diag σ²(x)), with parameters (μ, log σ).

    Kingma & Welling 2014, §3, arXiv:1312.6114.

    Args:
        latent_dim: D.
        log_scale_range: the least and the greatest log σ, or None for no limits.
    """

    factorises = True

    def __init__(self, latent_dim: Size, log_scale_range: Limits | None) -> None:
        super().__init__()
        self.num_parameters = 2 * latent_dim
        self.log_scale_range = log_scale_range

    def forward(self, parameters: Tensor) -> DiagonalGaussian:
        """Map parameters (B, 2D) to q(z|x): batch (B,), event (D,)."""
        mean, log_scale = parameters.chunk(2, dim=-1)
        if self.log_scale_range is not None:
            log_scale = log_scale.clamp(*self.log_scale_range)
        return DiagonalGaussian(mean, log_scale)


@checked
class FlowPosterior(Posterior):
    """q(z|x): z = f(z₀; h(x)) with z₀ ~ N(μ(x), diag σ²(x)), f invertible, from zuko.

    f is autoregressive in the direction of sampling, so draws and their densities cost one pass.
    With affine steps this is the inverse autoregressive flow of Kingma et al. 2016, §3,
    arXiv:1606.04934; with splines, Durkan et al. 2019, arXiv:1906.04032.

    Args:
        latent_dim: D.
        context_dim: length of h(x), which the encoder delivers beside (μ, log σ).
        flow: builds a zuko flow from ``features`` and ``context``.

    Raises:
        ValueError: if ``latent_dim`` is 1, where an autoregressive flow has nothing to regress on.
    """

    points: Tensor

    def __init__(self, latent_dim: Size, context_dim: Whole, flow: Callable[..., ZukoFlow]) -> None:
        super().__init__()
        if latent_dim < 2:  # noqa: PLR2004
            raise ValueError("a flow posterior needs latent_dim of at least 2; with one latent "
                             "there is nothing to regress on")  # fmt: skip
        self.sizes = (latent_dim, latent_dim, context_dim)
        self.num_parameters = sum(self.sizes)
        self.transform = flow(features=latent_dim, context=context_dim).transform
        uniform = torch.quasirandom.SobolEngine(latent_dim).draw(MEAN_POINTS // 2 + 1)[1:]
        points = torch.special.ndtri(uniform)
        self.register_buffer("points", torch.cat([points, -points]), persistent=False)

    def forward(self, parameters: Tensor) -> TransformedGaussian:
        """Map parameters (B, 2D + context_dim) to q(z|x): batch (B,), event (D,)."""
        mean, log_scale, context = parameters.split(self.sizes, dim=-1)
        base = DiagonalGaussian(mean, log_scale)
        return TransformedGaussian(base, self.transform(context), self.points)


@checked
class SphericalPosterior(Posterior):
    """q(z|x) = PowerSpherical(z; μ(x), κ(x)) on the unit sphere, with parameters (μ·length, κ's).

    De Cao & Aziz 2020, arXiv:2006.04437. κ = 1 + softplus of the last parameter, as in their code
    and in that of Davidson et al. 2018, arXiv:1804.00891; so q(z|x) is never quite uniform.

    Args:
        latent_dim: D: z is a unit vector of so many coordinates, on a sphere of D − 1 dimensions.

    Raises:
        ValueError: if ``latent_dim`` is 1, where the sphere is two points.
    """

    support = Support.SPHERE

    def __init__(self, latent_dim: Size) -> None:
        super().__init__()
        require_sphere(latent_dim)
        self.num_parameters = latent_dim + 1

    def forward(self, parameters: Tensor) -> PowerSpherical:
        """Map parameters (B, D + 1) to q(z|x): batch (B,), event (D,)."""
        direction = nn.functional.normalize(parameters[..., :-1], dim=-1)
        return PowerSpherical(direction, 1 + nn.functional.softplus(parameters[..., -1]))


@checked
class Deterministic(Posterior):
    """q(z|x) = δ(z − μ(x)): the code of a plain autoencoder, one number per latent.

    Args:
        latent_dim: D.
    """

    is_point_mass = True

    def __init__(self, latent_dim: Size) -> None:
        super().__init__()
        self.num_parameters = latent_dim

    def forward(self, parameters: Tensor) -> Delta:
        """Map parameters (B, D) to a point mass: batch (B,), event (D,)."""
        return Delta(parameters)
