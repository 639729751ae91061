"""A prior for each class of images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vae_lab.checks import Amount, Size, checked
from vae_lab.model.distributions import DiagonalGaussian, GaussianMixture
from vae_lab.model.priors import Encode, Prior


@checked
class PerLabel(Prior):
    """p(z|y) = N(z; μ_y, diag σ_y²), all learned, with the KL in closed form.

    The learned prior p(z|x) of Sohn et al. 2015, §4.1, where the condition is a class.

    Args:
        latent_dim: D.
        class_names: of the labels y.
        spread: standard deviation of the initial means; 0 makes all priors begin as N(0, I).

    Raises:
        ValueError: if there are no labels.
    """

    @property
    def has_kl_per_dim(self) -> bool:
        """That from the posterior to p(z|y) is."""
        return True

    def __init__(self, latent_dim: Size, class_names: Sequence[str] | None, spread: Amount) -> None:
        super().__init__()
        if not class_names:
            raise ValueError(
                "class_names are missing: prior=per_label needs a model that is given labels, "
                "conditioning=label"
            )
        shape = (len(class_names), latent_dim)
        self.means = nn.Parameter(spread * torch.randn(shape))
        self.log_scales = nn.Parameter(torch.zeros(shape))

    def forward(self, encode: Encode) -> GaussianMixture:
        """Return p(z) of labels that are equally frequent: batch (), event (D,)."""
        log_weights = self.means.new_zeros(len(self.means)).log_softmax(-1)
        return GaussianMixture(self.means, self.log_scales, log_weights)

    def given(self, encode: Encode, labels: Tensor | None) -> DiagonalGaussian:
        """Return p(z|y) for labels (B,): batch (B,), event (D,).

        Raises:
            ValueError: if there are none.
        """
        if labels is None:
            raise ValueError("prior=per_label needs the label of each image")
        labels = labels.to(self.means.device)
        return DiagonalGaussian(self.means[labels], self.log_scales[labels])
