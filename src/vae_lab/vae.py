"""The variational autoencoder: five slots, and one door, ``draw``, for everything that judges it.

Shapes: B images, K samples per image, D latent dimensions, C×H×W pixels. Samples lead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn
from torch.distributions import Distribution

from vae_lab.distributions import kl_per_dim
from vae_lab.likelihoods import Likelihood


@dataclass(frozen=True)
class Draw:
    """K samples z ~ q(z|x) per image and their log terms, in nats.

    Attributes:
        log_px: log p(x|z), (K, B).
        log_pz: log p(z), (K, B).
        log_qz: log q(z|x), (K, B).
        kl: KL(q(z|x) ‖ p(z)), (B,): exact where a closed form exists, else the mean of
            log q(z|x) − log p(z) over the K samples.
        kl_per_dim: its share per latent dimension, (B, D), or None without a closed form.
    """

    log_px: Tensor
    log_pz: Tensor
    log_qz: Tensor
    kl: Tensor
    kl_per_dim: Tensor | None

    @property
    def log_w(self) -> Tensor:
        """Log importance weights, log p(x, z) − log q(z|x), (K, B)."""
        return self.log_px + self.log_pz - self.log_qz


class Drawable(Protocol):
    """A latent-variable model, seen from outside."""

    def draw(self, x: Tensor, num_samples: int) -> Draw:
        """Sample ``num_samples`` latents for each image of ``x`` (B, C, H, W)."""
        ...


class NetworkFactory(Protocol):
    """Builds a network once the shapes at its two ends are known."""

    def __call__(self, *, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> nn.Module:
        """Return a module that maps (B, *in_shape) to (B, *out_shape)."""
        ...


class Posterior(Protocol):
    """A module that maps (B, num_parameters) to q(z|x)."""

    num_parameters: int

    def __call__(self, parameters: Tensor) -> Distribution:
        """Return q(z|x): batch (B,), event (D,)."""
        ...


class VAE(nn.Module):
    """One group of latents: x → encoder → q(z|x) → z → decoder → p(x|z), with prior p(z).

    Kingma & Welling 2014, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082.

    Args:
        image_shape: (C, H, W).
        latent_dim: D.
        encoder: builds the network C×H×W → ``posterior.num_parameters``.
        decoder: builds the network D → C×H×W.
        posterior: parameters → q(z|x).
        prior: () → p(z).
        likelihood: features → p(x|z).

    Raises:
        ValueError: if ``latent_dim`` is less than 1.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        encoder: NetworkFactory,
        decoder: NetworkFactory,
        posterior: Posterior,
        prior: nn.Module,
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}")
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.encoder = encoder(in_shape=self.image_shape, out_shape=(posterior.num_parameters,))
        self.decoder = decoder(in_shape=(latent_dim,), out_shape=self.image_shape)
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood

    def encode(self, x: Tensor) -> Distribution:
        """Map images (B, C, H, W) to q(z|x): batch (B,), event (D,)."""
        # .to: in mixed precision a network answers in few digits, too few for densities
        return self.posterior(self.encoder(x).to(x.dtype))

    def decode(self, z: Tensor) -> Distribution:
        """Map latents (..., D) to p(x|z): batch (...), event (C, H, W)."""
        features = self.decoder(z.reshape(-1, self.latent_dim))
        return self.likelihood(features.reshape(*z.shape[:-1], *self.image_shape))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return E[x|z] at the mean of q(z|x), (B, C, H, W), for images of that shape."""
        return self.decode(self.encode(x).mean).mean

    def sample(self, num_images: int) -> Tensor:
        """Return E[x|z] for ``num_images`` latents z ~ p(z), (N, C, H, W)."""
        return self.decode(self.prior().sample((num_images,))).mean

    def draw(self, x: Tensor, num_samples: int) -> Draw:
        """Sample K = ``num_samples`` latents for each image of ``x`` (B, C, H, W).

        Gradients flow through the samples where the posterior is reparameterised.

        Raises:
            ValueError: if ``num_samples`` is less than 1.
        """
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, got {num_samples}")
        q, p = self.encode(x), self.prior()
        z = q.rsample((num_samples,))
        log_px = self.decode(z).log_prob(x)
        log_pz, log_qz = p.log_prob(z), q.log_prob(z)
        per_dim = kl_per_dim(q, p)
        kl = (log_qz - log_pz).mean(0) if per_dim is None else per_dim.sum(-1)
        return Draw(log_px, log_pz, log_qz, kl, per_dim)
