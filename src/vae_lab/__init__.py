"""vae-lab: train, understand and compare variational autoencoders."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_lab.trained.loaded import TrainedVAE


def load(path: str | os.PathLike[str]) -> "TrainedVAE":
    """Open a trained model: a run directory, or a folder that ``export.py --to safetensors`` wrote.

    Raises:
        FileNotFoundError: if ``path`` is neither, or the run has no checkpoint.
        ImportError: if reading the folder needs a library that is not installed.
        ValueError: if configuration and weights are damaged or do not fit, or the folder's
            configuration names what is no part of a model.
    """
    from vae_lab.trained import loaded, pretrained  # noqa: PLC0415 - keeps --help free of torch

    if pretrained.is_pretrained(path):
        return pretrained.read(path)
    return loaded.open_run(path)
