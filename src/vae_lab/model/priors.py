"""Priors: the model's ``encode`` → p(z).

To add one, write a subclass of ``Prior``, here or in a file of its own, and
``conf/prior/<name>.yaml``::

    # @package model.prior
    _target_: vae_lab.model.<file>.<Class>
    latent_dim: ${latent_dim}

``prior=<name>`` then selects it.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from zuko.lazy import Flow as ZukoFlow

from vae_lab.checks import Amount, Shape, Size, checked
from vae_lab.model.distributions import (
    DiagonalGaussian,
    FullGaussianMixture,
    GaussianMixture,
    Rescaled,
    StandardGaussian,
    UniformSphere,
)
from vae_lab.model.posteriors import Posterior
from vae_lab.model.support import Support, require_sphere

Encode = Callable[[Tensor], Distribution]
LEAST_SCALE = 1e-6  # of codes that are all the same


class Prior(nn.Module):
    """What every prior offers.

    The distribution that it returns has to have ``log_prob`` and ``sample``; ``tempered`` lists
    those that a temperature is defined for. What a subclass does not claim is taken to be absent.

    Attributes:
        support: where z lies; only a posterior of the same support goes with it.
        factorises: whether the dimensions of z are independent under p(z).
        has_rsample: whether samples carry gradients to the parameters of p(z), as in torch.
        is_made_of_posteriors: whether it lies where the encoder puts it, so that it must not be
            moved to where the codes are.
    """

    support = Support.SPACE
    factorises = False
    has_rsample = False
    is_made_of_posteriors = False

    @property
    def has_kl_per_dim(self) -> bool:
        """Whether the KL from a posterior that factorises is known per dimension."""
        return self.factorises

    @property
    def is_learned(self) -> bool:
        """Whether it is learned from codes, and says where they lie."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def initialize(self, images: Callable[[], Tensor]) -> None:
        """Prepare for training on images; most priors have nothing to prepare.

        Args:
            images: reads the training images before binarisation, (N, C, H, W) in [0, 1].
        """

    def bind(self, posterior: Posterior) -> None:
        """Learn from the model's posterior what has to be known of it; most priors know enough.

        Raises:
            ValueError: if they do not go together.
        """
        if posterior.code_shape is not None:
            raise ValueError(
                "this posterior has discrete codes, and this prior is a density of real numbers: "
                "take prior=categorical or prior=autoregressive"
            )
        if posterior.support is not self.support:
            raise ValueError(
                f"the posterior's latents fill {posterior.support} and the prior's {self.support}: "
                "on the unit sphere posterior=power_spherical and prior=uniform_sphere go "
                "together, and with no other"
            )

    def forward(self, encode: Encode) -> Distribution:
        """Return p(z): batch (), event (D,).

        Args:
            encode: images (B, C, H, W) → q(z|x), for a prior that is made of posteriors.
        """
        raise NotImplementedError

    def given(self, encode: Encode, labels: Tensor | None) -> Distribution:
        """Return p(z|y): event (D,), and batch (B,) where it depends on the label.

        Most priors are the same for every label.

        Args:
            encode: as in ``forward``.
            labels: y, (B,); None where a model knows no labels.
        """
        return self(encode)


@checked
class StandardNormal(Prior):
    """p(z) = N(z; 0, I).

    Args:
        latent_dim: D.
    """

    factorises = True
    has_rsample = True
    origin: Tensor

    def __init__(self, latent_dim: Size) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(latent_dim), persistent=False)

    def forward(self, encode: Encode) -> StandardGaussian:
        """Return p(z): batch (), event (D,)."""
        return StandardGaussian(self.origin)


@checked
class UniformSpherePrior(Prior):
    """p(z): uniform on the unit sphere, the prior of Davidson et al. 2018, arXiv:1804.00891.

    Args:
        latent_dim: D: z is a unit vector of so many coordinates.

    Raises:
        ValueError: if ``latent_dim`` is 1, where the sphere is two points.
    """

    support = Support.SPHERE
    has_rsample = True
    origin: Tensor

    def __init__(self, latent_dim: Size) -> None:
        super().__init__()
        require_sphere(latent_dim)
        self.register_buffer("origin", torch.zeros(latent_dim), persistent=False)

    def forward(self, encode: Encode) -> UniformSphere:
        """Return p(z): batch (), event (D,)."""
        return UniformSphere(self.origin)


@checked
class MixtureOfGaussians(Prior):
    """p(z) = Σ_c w_c N(z; μ_c, S_c), all learned, S_c = diag σ_c² or any covariance.

    Dilokthanakul et al. 2016, arXiv:1611.02648; the "MoG" of Tomczak & Welling 2018, §4,
    arXiv:1705.07120. Full covariances are those of Ghosh et al. 2020, arXiv:1903.12436.

    Args:
        latent_dim: D.
        num_components: C.
        spread: standard deviation of the initial means; 0 makes the prior begin as N(0, I).
        covariance: ``diagonal`` or ``full``, which begins as the diagonal one.

    Raises:
        ValueError: if ``num_components`` is less than 1.
    """

    def __init__(
        self,
        latent_dim: Size,
        num_components: Size,
        spread: Amount,
        covariance: Literal["diagonal", "full"],
    ) -> None:
        super().__init__()
        self.means = nn.Parameter(spread * torch.randn(num_components, latent_dim))
        self.log_scales = nn.Parameter(torch.zeros(num_components, latent_dim))
        self.logits = nn.Parameter(torch.zeros(num_components))
        shape = (num_components, latent_dim, latent_dim)
        self.couplings = nn.Parameter(torch.zeros(shape)) if covariance == "full" else None

    def forward(self, encode: Encode) -> GaussianMixture | FullGaussianMixture:
        """Return p(z): batch (), event (D,)."""
        log_weights = self.logits.log_softmax(-1)
        if self.couplings is None:
            return GaussianMixture(self.means, self.log_scales, log_weights)
        couplings = self.couplings.tril(-1)
        return FullGaussianMixture(self.means, self.log_scales, couplings, log_weights)


@checked
class FlowPrior(Prior):
    """p(z): a normalizing flow from zuko over a standard normal, cheap to evaluate.

    Chen et al. 2017, §3.2, arXiv:1611.02731.

    Args:
        latent_dim: D.
        flow: builds a zuko flow from ``features``.

    Raises:
        ValueError: if ``latent_dim`` is 1, where an autoregressive flow has nothing to regress on.
    """

    has_rsample = True

    def __init__(self, latent_dim: Size, flow: Callable[..., ZukoFlow]) -> None:
        super().__init__()
        if latent_dim < 2:  # noqa: PLR2004
            raise ValueError("a flow prior needs latent_dim of at least 2; with one latent there "
                             "is nothing to regress on")  # fmt: skip
        self.flow = flow(features=latent_dim)

    def forward(self, encode: Encode) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        return self.flow()


@checked
class VampPrior(Prior):
    """p(z) = 1/C Σ_c q(z|u_c): the posterior of C learned pseudo-inputs.

    Tomczak & Welling 2018, eq. 9, arXiv:1705.07120. They start from training images, to which a
    little noise is added, and stay within [0, 1].

    Args:
        image_shape: (C, H, W) of a pseudo-input.
        num_components: how many pseudo-inputs.
        noise: standard deviation of what is added to the training images.

    Raises:
        ValueError: if ``num_components`` is less than 1.
    """

    is_made_of_posteriors = True

    def __init__(self, image_shape: Shape, num_components: Size, noise: Amount) -> None:
        super().__init__()
        self.noise = noise
        self.pseudo_inputs = nn.Parameter(torch.rand(num_components, *image_shape))

    @torch.no_grad()
    def initialize(self, images: Callable[[], Tensor]) -> None:
        """Start from the first of the training images.

        Raises:
            ValueError: if there are fewer images than pseudo-inputs.
        """
        originals, count = images(), len(self.pseudo_inputs)
        if count > len(originals):
            raise ValueError(
                f"model.prior.num_components must be at most {len(originals)}, the number of "
                f"training images, got {count}"
            )
        noise = self.noise * torch.randn_like(self.pseudo_inputs)
        self.pseudo_inputs.copy_((originals[:count] + noise).clamp(0, 1))

    def forward(self, encode: Encode) -> GaussianMixture:
        """Return p(z): batch (), event (D,).

        Raises:
            ValueError: if the posterior is not a diagonal normal.
        """
        q = encode(self.pseudo_inputs.clamp(0, 1))
        if not isinstance(q, DiagonalGaussian):
            raise ValueError("prior=vampprior is a mixture of normals; it needs a normal posterior")
        log_weights = q.log_scale.new_zeros(len(self.pseudo_inputs)).log_softmax(-1)
        return GaussianMixture(q.mean, q.log_scale, log_weights)


@checked
class RescaledPrior(Prior):
    """p(z): another prior, moved and stretched to where codes lie.

    Args:
        latent_dim: D.
        prior: of (z − shift) / scale.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, latent_dim: Size, prior: Prior) -> None:
        super().__init__()
        self.prior = prior
        self.factorises = prior.factorises
        self.register_buffer("shift", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.ones(latent_dim))

    @property
    def has_kl_per_dim(self) -> bool:
        """Whether the KL from a posterior that factorises is known per dimension."""
        return self.factorises

    @property
    def is_learned(self) -> bool:
        """Always: it has at least been moved."""
        return True

    def bind(self, posterior: Posterior) -> None:
        """Let the other prior learn what it has to know.

        Raises:
            ValueError: if they do not go together.
        """
        self.prior.bind(posterior)

    def move_to(self, codes: Tensor) -> None:
        """Take on the mean and the standard deviations of codes (N, D)."""
        self.shift.copy_(codes.mean(0))
        self.scale.copy_(codes.std(0).clamp_min(LEAST_SCALE))

    def forward(self, encode: Encode) -> Rescaled:
        """Return p(z): batch (), event (D,)."""
        return Rescaled(self.prior(encode), self.shift, self.scale)

    def given(self, encode: Encode, labels: Tensor | None) -> Rescaled:
        """Return p(z|y): event (D,), and the batch of the other prior."""
        return Rescaled(self.prior.given(encode, labels), self.shift, self.scale)
