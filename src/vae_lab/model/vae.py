"""The variational autoencoder: a network at each end, and a posterior, prior and likelihood.

Shapes: B images, K samples per image, D latent dimensions, C×H×W pixels. Samples lead.
"""

import copy
from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.distributions import Distribution

from vae_lab.checks import Shape, Size, checked
from vae_lab.model.conditioning import Conditioning
from vae_lab.model.contract import Draw, Model, NetworkFactory, in_full_precision, known
from vae_lab.model.distributions import closed_kl, kl_per_dim, rsample_with_density, tempered
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
        conditioning: joins labels to images and latents; None for a model that knows none.

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
        conditioning: Conditioning | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim * posterior.unit_width
        conditioning = conditioning or Conditioning()
        seen = conditioning.image_shape(self.image_shape)
        self.encoder = encoder(in_shape=seen, out_shape=(posterior.num_parameters,))
        channels, height, width = self.image_shape
        self.feature_shape = (likelihood.num_features(channels), height, width)
        coordinates = conditioning.latent_dim(self.latent_dim)
        self.decoder = decoder(in_shape=(coordinates,), out_shape=self.feature_shape)
        self.posterior = posterior
        self.prior = prior
        prior.bind(posterior)
        self.likelihood = likelihood
        self.conditioning = conditioning

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map images (B, C, H, W) to q(z|x): batch (B,), event (D,)."""
        return self.posterior(self._parameters_of(x, labels))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map latents (..., D) to p(x|z): batch (...), event (C, H, W)."""
        seen = self.conditioning.with_latent(self.posterior.support.onto(z), labels)
        features = self.decoder(seen.reshape(-1, seen.shape[-1]))
        return self.likelihood(features.reshape(*z.shape[:-1], *self.feature_shape).to(z.dtype))

    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return E[x|z] at the mean of q(z|x), (B, C, H, W), for images of that shape."""
        point = self.posterior.point(self.encode(x, labels))
        return self.decode(point, labels).mean

    def sample(
        self, num_images: int, temperature: float = 1.0, labels: Tensor | None = None
    ) -> Tensor:
        """Return E[x|z] for ``num_images`` latents z ~ p(z), (N, C, H, W)."""
        labels = self._labels_of_samples(labels, num_images)
        p = self._prior(labels, temperature)
        z = p.sample() if p.batch_shape else p.sample((num_images,))
        return self.decode(z, labels).mean

    def condition(
        self, x: Tensor, path_gradient: bool = False, labels: Tensor | None = None
    ) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) once; return the function K → ``draw(x, K)``."""
        return self._given(self._parameters_of(x, labels), x, labels, path_gradient)

    def _given(
        self, parameters: Tensor, x: Tensor, labels: Tensor | None, path_gradient: bool = False
    ) -> Callable[[int], Draw]:
        """Return the function K → ``draw(x, K)``, given what the encoder made of ``x``."""
        q = self.posterior(parameters)
        judge = self._without_gradients(parameters) if path_gradient else None
        return partial(self._draw, x, labels, q, self._prior(labels), judge)

    def _draw(
        self,
        x: Tensor,
        labels: Tensor | None,
        q: Distribution,
        p: Distribution,
        judge: Distribution | None,
        count: int,
    ) -> Draw:
        """Sample from ``q``; log q(z|x) is of ``judge`` if given, which is q without gradients."""
        with in_full_precision(x):
            z, sampled_density = rsample_with_density(q, count)
        log_px = self.decode(z, labels).log_prob(x)

        def log_pz() -> Tensor:
            with in_full_precision(x):
                return p.log_prob(z)

        def log_qz() -> Tensor:
            with in_full_precision(x):
                return sampled_density() if judge is None else judge.log_prob(z)

        per_dim = kl_per_dim(q, p)  # before the codes that p knows are moved
        if self.posterior.completes:
            terms = self.posterior.complete(q, (log_px, log_pz(), log_qz()))
            log_px, log_pz, log_qz = terms[0], known(terms[1]), known(terms[2])
        units = per_dim
        if units is None:
            whole = closed_kl(q, p)
            if whole is None:
                log_pz, log_qz = known(log_pz()), known(log_qz())
                whole = (log_qz() - log_pz()).mean(0)
            units = whole[:, None]
        return Draw(log_px, log_pz, log_qz, units, per_dim is not None, z, q, p)

    def _prior(self, labels: Tensor | None, temperature: float = 1.0) -> Distribution:
        p = tempered(self.prior_given(labels), temperature)
        return self.posterior.in_latent_space(p)

    def _parameters_of(self, x: Tensor, labels: Tensor | None) -> Tensor:
        # .to: in mixed precision a network's output has too few digits for densities
        return self.encoder(self.conditioning.with_image(x, labels)).to(x.dtype)

    def _without_gradients(self, parameters: Tensor) -> Distribution:
        # a copy: a flow reads its weights only when a density is computed, after this has returned
        frozen = copy.deepcopy(self.posterior).requires_grad_(False)
        return frozen(parameters.detach())
