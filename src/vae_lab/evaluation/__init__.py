"""Judging a trained model through its draws."""

from vae_lab.evaluation.likelihood import log_marginal
from vae_lab.evaluation.units import active_units

__all__ = ["active_units", "log_marginal"]
