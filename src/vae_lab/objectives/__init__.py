"""Objectives: a ``Draw`` → a number to maximise, nats per image. One question, one file."""

from vae_lab.objectives.autoencoder import Autoencoder
from vae_lab.objectives.bound import Bound, Objective, elbo_parts
from vae_lab.objectives.capacity import Capacity
from vae_lab.objectives.elbo import ELBO
from vae_lab.objectives.free_bits import FreeBits
from vae_lab.objectives.importance import CIWAE, IWAE, MIWAE
from vae_lab.objectives.info_vae import InfoVAE
from vae_lab.objectives.renyi import Renyi
from vae_lab.objectives.tcvae import BetaTCVAE

__all__ = [
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "Autoencoder",
    "BetaTCVAE",
    "Bound",
    "Capacity",
    "FreeBits",
    "InfoVAE",
    "Objective",
    "Renyi",
    "elbo_parts",
]
