"""The distributions that torch.distributions lacks, or has in a slower form.

A training step of a small VAE spends a tenth of its time on the few numbers of its latents. Written
out, their formulas take half as many operations as ``Independent(Normal(...), 1)`` and its like.
"""

from vae_lab.model.distributions.codes import (
    AutoregressiveCodes,
    ChosenCodes,
    CodeVectors,
    OneHotCodes,
    RelaxedCodes,
    nearest,
)
from vae_lab.model.distributions.full_mixture import FullGaussianMixture
from vae_lab.model.distributions.latents import (
    Delta,
    DiagonalGaussian,
    GaussianMixture,
    StandardGaussian,
    TransformedGaussian,
)
from vae_lab.model.distributions.logistic_mixture import LogisticMixtureImage
from vae_lab.model.distributions.operations import (
    closed_kl,
    kl_per_dim,
    rsample_and_log_prob,
    rsample_with_density,
    tempered,
)
from vae_lab.model.distributions.pixels import (
    IMAGE_DIMS,
    BernoulliImage,
    ContinuousBernoulliImage,
    DiscretizedLogisticImage,
    FittedNormal,
)
from vae_lab.model.distributions.rescaled import Rescaled
from vae_lab.model.distributions.spheres import PowerSpherical, UniformSphere

__all__ = [
    "IMAGE_DIMS",
    "AutoregressiveCodes",
    "BernoulliImage",
    "ChosenCodes",
    "CodeVectors",
    "ContinuousBernoulliImage",
    "Delta",
    "DiagonalGaussian",
    "DiscretizedLogisticImage",
    "FittedNormal",
    "FullGaussianMixture",
    "GaussianMixture",
    "LogisticMixtureImage",
    "OneHotCodes",
    "PowerSpherical",
    "RelaxedCodes",
    "Rescaled",
    "StandardGaussian",
    "TransformedGaussian",
    "UniformSphere",
    "closed_kl",
    "kl_per_dim",
    "nearest",
    "rsample_and_log_prob",
    "rsample_with_density",
    "tempered",
]
