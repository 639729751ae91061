"""M2: a VAE whose images belong to classes, learned from labels of which most are missing.

Shapes: B images, K samples per image, Y classes, D latent dimensions, C×H×W pixels.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.checks import Amount, Shape, Size, checked
from vae_lab.model.conditioning import LabelConditioning
from vae_lab.model.contract import Draw, GivenLabel, NetworkFactory
from vae_lab.model.likelihoods import Likelihood
from vae_lab.model.posteriors import Posterior
from vae_lab.model.priors import Prior
from vae_lab.model.vae import VAE

UNKNOWN = -1  # the label of an image whose class is not known


@checked
class SemiSupervisedVAE(VAE):
    """p(x, y, z) = p(y) p(z|y) p(x|z, y), with q(y|x) and q(z|x, y).

    Model M2 of Kingma et al. 2014, §3, arXiv:1406.5298. With L(x, y) the bound of the VAE that is
    given y, as ``conditioning=label`` has it, an image whose label is known has L(x, y) (their eq.
    6, without the constant log p(y)), and one whose label is not known has

        Σ_y q(y|x) L(x, y) − KL(q(y|x) ‖ p(y)),                        (their eq. 7)

    every term of the sum computed. The first also has α N / N_l log q(y|x) beside the objective:
    of N training images N_l have labels (eq. 9, and their code). p(y) is uniform.

    The class counts as a group of latents, and its KL as one more unit. log p(x|z) and its like are
    means over q(y|x), so that an importance-weighted objective is a lower bound too, yet not as
    tight as it would be with the sum over y inside the logarithm; that is how log p(x) is
    estimated.

    Where labels are not given, or −1, ``encode`` takes the most probable class.

    Args:
        image_shape: (C, H, W).
        latent_dim: D.
        encoder: as of a conditional VAE, as are the decoder and the four parts.
        decoder: see ``encoder``.
        classifier: builds the network C×H×W → Y, the logits of q(y|x).
        alpha: α.
        posterior: parameters → q(z|x, y).
        prior: p(z) or p(z|y).
        likelihood: features → p(x|z, y).
        conditioning: joins labels to images and latents.
    """

    num_groups = 2
    weight: Tensor

    def __init__(
        self,
        image_shape: Shape,
        latent_dim: Size,
        encoder: NetworkFactory,
        decoder: NetworkFactory,
        classifier: NetworkFactory,
        alpha: Amount,
        posterior: Posterior,
        prior: Prior,
        likelihood: Likelihood,
        conditioning: LabelConditioning | None,
    ) -> None:
        if conditioning is None:
            raise ValueError("conditioning is missing: model=semi_supervised knows labels, and "
                             "needs conditioning=label")  # fmt: skip
        if likelihood.shares_statistics or posterior.collects_statistics:
            raise ValueError(
                "model=semi_supervised decodes images under every label, from which nothing may be "
                "fitted; use another likelihood than optimal_normal and another posterior than "
                "vector_quantized"
            )
        super().__init__(
            image_shape, latent_dim, encoder, decoder, posterior, prior, likelihood, conditioning
        )
        self.classifier = classifier(
            in_shape=self.image_shape, out_shape=(len(conditioning.class_names),)
        )
        self.alpha = alpha
        self.register_buffer("weight", torch.tensor(float(alpha)))

    @property
    def is_conditional(self) -> bool:
        """Whether images are scored given their labels: they are not."""
        return False

    @property
    def takes_unlabelled(self) -> bool:
        """Whether it learns from images without a label: it does."""
        return True

    def initialize(self, images: Callable[[], Tensor], labels: Tensor) -> None:
        """Prepare for training; learn which share of the images has labels.

        Args:
            images: reads the training images before binarisation, (N, C, H, W) in [0, 1].
            labels: theirs, (N,); −1 where it is not known.
        """
        self.prior.initialize(images)
        self.weight.fill_(self.alpha * len(labels) / max(1, int((labels >= 0).sum())))

    def classify(self, x: Tensor) -> Tensor:
        """Return log q(y|x) of every class for images (B, C, H, W), (B, Y), nats."""
        # .to: in mixed precision a network's output has too few digits for densities
        return self.classifier(x).to(x.dtype).log_softmax(-1)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        """Map images (B, C, H, W) to q(z|x, y): batch (B,), event (D,)."""
        return super().encode(x, self._completed(x, labels))

    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return E[x|z, y] at the mean of q(z|x, y), (B, C, H, W), for images of that shape."""
        return super().reconstruct(x, self._completed(x, labels))

    def given(self, label: int) -> GivenLabel:
        """Return the model of the images of one class."""
        return GivenLabel(partial(super().condition, labels=torch.tensor(label)))

    def condition(
        self, x: Tensor, path_gradient: bool = False, labels: Tensor | None = None
    ) -> Callable[[int], Draw]:
        """Encode ``x`` (B, C, H, W) with every label; return the function K → ``draw(x, K)``.

        Args:
            x: images.
            path_gradient: refused, as there are two groups of latents.
            labels: (B,); −1 where it is not known; None if none is.
        """
        if path_gradient:
            raise ValueError("a path gradient needs a flat model, such as model=mlp")
        if labels is None:
            labels = torch.full(x.shape[:1], UNKNOWN, device=x.device)
        count = len(self.class_names)
        every = torch.arange(count, device=x.device).repeat_interleave(len(x))
        conditioning = cast(LabelConditioning, self.conditioning)
        parameters = conditioning.encoded_with_every_label(self.encoder, x).to(x.dtype)
        draw_every = self._given(parameters, x.repeat(count, 1, 1, 1), every)
        return partial(self._draw_marginal, draw_every, self.classify(x), labels.to(x.device))

    def _draw_marginal(
        self, draw_every: Callable[[int], Draw], log_qy: Tensor, labels: Tensor, num_samples: int
    ) -> Draw:
        """Average over q(y|x), or take the label that is known.

        Args:
            draw_every: K → a draw of all images with the first label, then with the second, ….
            log_qy: log q(y|x), (B, Y).
            labels: (B,).
            num_samples: K.
        """
        draws = draw_every(num_samples)
        conditioning = cast(LabelConditioning, self.conditioning)
        is_known = (labels >= 0)[:, None]
        known = conditioning.one_hot[labels.clamp_min(0)].to(log_qy.dtype)
        weights = torch.where(is_known, known, log_qy.exp())
        log_py = conditioning.log_py.to(log_qy.dtype).expand_as(log_qy).masked_fill(is_known, 0)
        log_q = log_qy.masked_fill(is_known, 0)
        count = log_qy.shape[1]

        def mean(terms: Tensor) -> Tensor:
            """Return the mean over q(y|x) of terms (..., Y·B), (..., B)."""
            return torch.einsum("...yb,by->...b", terms.unflatten(-1, (count, -1)), weights)

        of_label = mean(draws.kl_per_unit.T).T
        kl_of_class = (weights * (log_q - log_py)).sum(-1, keepdim=True)
        likeliest = weights.argmax(-1)
        images = torch.arange(len(labels), device=labels.device)
        z = draws.z.unflatten(1, (count, -1))[:, likeliest, images]
        return Draw(
            log_px=mean(draws.log_px),
            prior_density=lambda: mean(draws.log_pz) + (weights * log_py).sum(-1),
            posterior_density=lambda: mean(draws.log_qz) + (weights * log_q).sum(-1),
            kl_per_unit=torch.cat([of_label, kl_of_class], dim=-1),
            has_kl_per_dim=draws.has_kl_per_dim,
            z=z,
            q=None,
            p=None,
            supervision=self.weight * (known * log_qy).sum(-1) * is_known[:, 0],
        )

    def _completed(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return labels, those that are not known the most probable ones."""
        likeliest = self.classify(x).argmax(-1)
        if labels is None:
            return likeliest
        labels = labels.to(likeliest.device).expand(likeliest.shape)
        return torch.where(labels >= 0, labels, likeliest)
