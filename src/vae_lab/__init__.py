"""vae-lab: train, understand and compare variational autoencoders."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_lab.trained.loaded import TrainedVAE


def load(path: str | os.PathLike[str], trust: Sequence[str] = ()) -> "TrainedVAE":
    """Open a trained model: a run directory, or a folder that ``export.py --to safetensors`` wrote.

    Either may come from a stranger: networks of vae-lab, ``torch.nn``, torchvision and zuko are
    built, and nothing else is called.

    Args:
        path: the folder; a folder of runs, or ``latest`` for ``runs/``, means its newest run.
        trust: modules of your own that are called too, such as ``["mynet"]``.

    Raises:
        FileNotFoundError: if ``path`` is neither, or the run has no checkpoint.
        ImportError: if reading the folder needs a library that is not installed.
        ValueError: if configuration and weights are damaged or do not fit, or the configuration
            names what is not trusted.
    """
    from vae_lab.trained import loaded, pretrained  # noqa: PLC0415 - keeps --help free of torch

    if pretrained.is_pretrained(path):
        return pretrained.read(path, trust)
    return loaded.open_run(path, trust)
