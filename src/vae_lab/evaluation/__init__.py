"""Judging a trained model through its draws.

``representation`` and ``samples`` are imported by name where they are needed: the libraries behind
them take seconds to load.
"""

from vae_lab.evaluation.figures import Figure, mean_over_images
from vae_lab.evaluation.information import information, rate_per_dim, reconstruction_error
from vae_lab.evaluation.likelihood import ImportanceEstimate, importance_sample
from vae_lab.evaluation.units import active_units

__all__ = [
    "Figure",
    "ImportanceEstimate",
    "active_units",
    "importance_sample",
    "information",
    "mean_over_images",
    "rate_per_dim",
    "reconstruction_error",
]
