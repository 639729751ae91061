"""What a model is to everything outside this room: images → a ``Draw``, latents → images.

Shapes: B images, K samples per image, D latent dimensions, C×H×W pixels. Samples lead.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_lab.model.conditioning import Conditioning
from vae_lab.model.likelihoods import Likelihood, Pixels
from vae_lab.model.posteriors import Posterior
from vae_lab.model.priors import Prior

GIVEN_LABEL = "_given_y"  # appended to the names of metrics that are of images given their labels


Later = Callable[[], Tensor]  # computed where it is asked for


@dataclass(frozen=True)
class Draw:
    """K samples z ~ q(z|x) per image and their log terms, in nats.

    Attributes:
        log_px: log p(x|z), (K, B).
        prior_density: gives log p(z), (K, B).
        posterior_density: gives log q(z|x), (K, B).
        kl_per_unit: KL(q(z|x) ‖ p(z)) in the smallest parts that are known, (B, U). With a closed
            form a unit is a latent dimension, or a channel of a group below the top, given the
            groups above and averaged over the samples; without one it is a whole group, the mean of
            log q(z|x) − log p(z) over the samples. Of discrete codes a unit is one symbol.
        has_kl_per_dim: whether the first D units are the latent dimensions (of the top group).
        z: the latents, (K, B, D), those of all groups side by side.
        q: q(z|x), batch (B,), event (D,); None where the latents have several groups.
        p: p(z), event (D,); None where the latents have several groups.
        supervision: what is to be maximised beside any objective, (B,), nats: of images whose label
            is known, how well a classifier in the model finds it; None without one.
    """

    log_px: Tensor
    prior_density: Later
    posterior_density: Later
    kl_per_unit: Tensor
    has_kl_per_dim: bool
    z: Tensor
    q: Distribution | None
    p: Distribution | None
    supervision: Tensor | None = None

    @property
    def log_pz(self) -> Tensor:
        """Log p(z), (K, B), computed anew at every look."""
        return self.prior_density()

    @property
    def log_qz(self) -> Tensor:
        """Log q(z|x), (K, B), computed anew at every look."""
        return self.posterior_density()

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x) ‖ p(z)), (B,)."""
        return self.kl_per_unit.sum(-1)

    @property
    def kl_per_dim(self) -> Tensor | None:
        """The KL per latent dimension and channel, (B, U), or None without a closed form."""
        return self.kl_per_unit if self.has_kl_per_dim else None

    @property
    def log_w(self) -> Tensor:
        """Log importance weights, log p(x, z) − log q(z|x), (K, B)."""
        return self.log_px + self.log_pz - self.log_qz


def known(value: Tensor) -> Later:
    """Return what gives ``value``, which is computed already."""
    return lambda: value


class Drawable(Protocol):
    """All that importance sampling asks of a model."""

    def condition(self, x: Tensor) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) once; return the function K → draw."""
        ...


@dataclass(frozen=True)
class GivenLabel:
    """A model of the images of one class: what draws from q(z|x, y) and scores p(x|y).

    Args:
        encode_once: images (B, C, H, W) → the function K → draw.
    """

    encode_once: Callable[[Tensor], Callable[[int], Draw]]

    def condition(self, x: Tensor) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) once; return the function K → draw."""
        return self.encode_once(x)


class NetworkFactory(Protocol):
    """Builds a network once the shapes at its two ends are known."""

    def __call__(self, *, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> nn.Module:
        """Return a module that maps (B, *in_shape) to (B, *out_shape)."""
        ...


class Model(nn.Module):
    """A latent-variable model of images: what everything outside is given.

    Labels y are whole numbers that count ``class_names`` from 0, (B,), or () for all images alike.
    A model that knows none ignores them. One that is conditional needs them wherever it is asked
    for q(z|x, y) or p(x|z, y); all its densities are given y then.

    Attributes:
        image_shape: (C, H, W).
        latent_dim: D, how many numbers z has; of several groups of latents, that of the top.
        num_groups: how many groups of latents there are; above 1, ``encode`` and ``decode`` speak
            of the top group, and those below take the means of their priors.
        posterior: parameters → q(z|x), of the top group.
        prior: ``encode`` → p(z), of the top group.
        likelihood: features → p(x|z).
        conditioning: joins labels to images and latents.
    """

    image_shape: tuple[int, ...]
    latent_dim: int
    num_groups = 1
    posterior: Posterior
    prior: Prior
    likelihood: Likelihood
    conditioning: Conditioning

    @property
    def class_names(self) -> Sequence[str]:
        """What the labels are called; empty for a model that knows none."""
        return self.conditioning.class_names

    @property
    def has_one_space(self) -> bool:
        """Whether a point of one continuous space of latents is all that there is to an image."""
        return self.num_groups == 1 and self.posterior.code_shape is None

    @property
    def is_conditional(self) -> bool:
        """Whether images are scored given their labels: log p(x|y)."""
        return bool(self.class_names)

    def suffixes(self, pixels: Pixels) -> tuple[str, str]:
        """Return what to append to the names of metrics, as ``evaluation.metrics`` lists them."""
        return self.likelihood.suffix(pixels), GIVEN_LABEL if self.is_conditional else ""

    def classify(self, x: Tensor) -> Tensor | None:
        """Return log q(y|x) for images (B, C, H, W), (B, Y); None without a classifier."""
        return None

    @property
    def takes_unlabelled(self) -> bool:
        """Whether it learns from images without a label, −1, among those that have one."""
        return False

    def initialize(self, images: Callable[[], Tensor], labels: Tensor) -> None:
        """Prepare for training.

        Args:
            images: reads the training images before binarisation, (N, C, H, W) in [0, 1].
            labels: theirs, (N,); −1 where it is not known.
        """
        self.prior.initialize(images)
        self.conditioning.initialize(labels)

    @property
    def shares_statistics(self) -> bool:
        """Whether, in training, one image's density depends on the other images of its batch."""
        is_normalised = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.modules())
        return is_normalised or self.likelihood.shares_statistics

    def _prior_given(self, labels: Tensor | None) -> Distribution:
        """Return p(z|y); what a prior encodes by itself is of all classes in turn."""
        in_turn = self.conditioning.in_turn
        return self.prior.given(lambda x: self.encode(x, in_turn(len(x))), labels)

    def labels_in_turn(self, count: int) -> Tensor | None:
        """Return labels that take turns, (count,); None of a model that knows none."""
        return self.conditioning.in_turn(count)

    def _labels_of_samples(self, labels: Tensor | None, count: int) -> Tensor | None:
        return self.conditioning.sample(count) if labels is None else labels.expand(count)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map images (B, C, H, W) to q(z|x): batch (B,), event (D,)."""
        raise NotImplementedError

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map latents (..., D) to p(x|z): batch (...), event (C, H, W).

        Latents that lie outside of ``posterior.support`` are taken to its nearest point.
        """
        raise NotImplementedError

    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return E[x|z] at ``encode(x).mean``, (B, C, H, W), for images of that shape."""
        raise NotImplementedError

    def sample(
        self, num_images: int, temperature: float = 1.0, labels: Tensor | None = None
    ) -> Tensor:
        """Return E[x|z] for ``num_images`` latents z ~ p(z), (N, C, H, W).

        Args:
            num_images: N.
            temperature: what the prior's standard deviation is multiplied by, that of every group;
                see ``tempered``.
            labels: (N,) or (); without any, y ~ p(y) where the model knows labels.

        Raises:
            ValueError: if ``temperature`` is negative or not finite.
        """
        raise NotImplementedError

    def condition(
        self, x: Tensor, path_gradient: bool = False, labels: Tensor | None = None
    ) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) once; return the function K → ``draw(x, K)``."""
        raise NotImplementedError

    def given(self, label: int) -> GivenLabel:
        """Return the model of the images of one class."""
        return GivenLabel(partial(self.condition, labels=torch.tensor(label)))

    def draw(
        self,
        x: Tensor,
        num_samples: int,
        path_gradient: bool = False,
        labels: Tensor | None = None,
    ) -> Draw:
        """Sample K = ``num_samples`` latents for each image of ``x`` (B, C, H, W).

        Gradients flow through the samples where the posterior is reparameterised.

        Args:
            x: images.
            num_samples: K.
            path_gradient: whether ``log_qz`` passes gradients through the samples alone, and none
                through the parameters of q (Roeder et al. 2017, arXiv:1703.09194).
            labels: of the images.

        Raises:
            ValueError: if ``num_samples`` is less than 1, or ``path_gradient`` is asked of a model
                with several groups.
        """
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, got {num_samples}")
        return self.condition(x, path_gradient, labels)(num_samples)


def in_full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Return a context without autocasting: bfloat16 has too few digits for densities."""
    return torch.autocast(x.device.type, enabled=False)
