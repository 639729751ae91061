"""The variational autoencoder: a network at each end, and a posterior, prior and likelihood.

Shapes: B images, K samples per image, D latent dimensions, C×H×W pixels. Samples lead.
"""

import copy
from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.distributions import Distribution

from vae_lab.checks import Shape, Size, checked
from vae_lab.model.contract import Draw, Model, NetworkFactory, in_full_precision
from vae_lab.model.distributions import kl_per_dim, rsample_and_log_prob, tempered
from vae_lab.model.likelihoods import Likelihood
from vae_lab.model.posteriors import Posterior
from vae_lab.model.priors import Prior


@checked
class VAE(Model):
    """One group of latents: x → encoder → q(z|x) → z → decoder → p(x|z), with prior p(z).

    Kingma & Welling 2014, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082.

    Args:
        image_shape: (C, H, W).
        latent_dim: D; for discrete codes, how many units, of which each is several numbers of z.
        encoder: builds the network C×H×W → ``posterior.num_parameters``.
        decoder: builds the network D → C×H×W.
        posterior: parameters → q(z|x).
        prior: ``encode`` → p(z).
        likelihood: features → p(x|z).

    Raises:
        ValueError: if ``latent_dim`` is less than 1.
    """

    def __init__(
        self,
        image_shape: Shape,
        latent_dim: Size,
        encoder: NetworkFactory,
        decoder: NetworkFactory,
        posterior: Posterior,
        prior: Prior,
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim * posterior.unit_width
        self.encoder = encoder(in_shape=self.image_shape, out_shape=(posterior.num_parameters,))
        channels, height, width = self.image_shape
        self.feature_shape = (likelihood.num_features(channels), height, width)
        self.decoder = decoder(in_shape=(self.latent_dim,), out_shape=self.feature_shape)
        self.posterior = posterior
        self.prior = prior
        prior.bind(posterior)
        self.likelihood = likelihood

    def encode(self, x: Tensor) -> Distribution:
        """Map images (B, C, H, W) to q(z|x): batch (B,), event (D,)."""
        return self.posterior(self._parameters_of(x))

    def decode(self, z: Tensor) -> Distribution:
        """Map latents (..., D) to p(x|z): batch (...), event (C, H, W)."""
        features = self.decoder(z.reshape(-1, self.latent_dim))
        return self.likelihood(features.reshape(*z.shape[:-1], *self.feature_shape).to(z.dtype))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return E[x|z] at the mean of q(z|x), (B, C, H, W), for images of that shape."""
        return self.decode(self.posterior.point(self.encode(x))).mean

    def sample(self, num_images: int, temperature: float = 1.0) -> Tensor:
        """Return E[x|z] for ``num_images`` latents z ~ p(z), (N, C, H, W)."""
        p = self._prior(temperature)
        return self.decode(p.sample((num_images,))).mean

    def condition(self, x: Tensor, path_gradient: bool = False) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) once; return the function K → ``draw(x, K)``."""
        parameters = self._parameters_of(x)
        q = self.posterior(parameters)
        judge = self._without_gradients(parameters) if path_gradient else None
        return partial(self._draw, x, q, self._prior(), judge)

    def _draw(
        self, x: Tensor, q: Distribution, p: Distribution, judge: Distribution | None, count: int
    ) -> Draw:
        """Sample from ``q``; log q(z|x) is of ``judge`` if given, which is q without gradients."""
        with in_full_precision(x):
            z, log_qz = rsample_and_log_prob(q, count)
            if judge is not None:
                log_qz = judge.log_prob(z)
            log_pz = p.log_prob(z)
        log_px = self.decode(z).log_prob(x)
        per_dim = kl_per_dim(q, p)
        log_px, log_pz, log_qz = self.posterior.complete(q, (log_px, log_pz, log_qz))
        units = (log_qz - log_pz).mean(0)[:, None] if per_dim is None else per_dim
        return Draw(log_px, log_pz, log_qz, units, per_dim is not None, z, q, p)

    def _prior(self, temperature: float = 1.0) -> Distribution:
        return self.posterior.in_latent_space(tempered(self.prior(self.encode), temperature))

    def _parameters_of(self, x: Tensor) -> Tensor:
        # .to: in mixed precision a network's output has too few digits for densities
        return self.encoder(x).to(x.dtype)

    def _without_gradients(self, parameters: Tensor) -> Distribution:
        # a copy: a flow reads its weights only when a density is computed, after this has returned
        frozen = copy.deepcopy(self.posterior).requires_grad_(False)
        return frozen(parameters.detach())
