"""A folder with ``config.json`` and ``model.safetensors``, as the Hugging Face mixin writes it.

Such a folder may come from a stranger, so ``runs.trust`` decides what is built.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_lab.extras import require
from vae_lab.runs import trust
from vae_lab.runs.newest import the_run
from vae_lab.trained.loaded import TrainedVAE

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def is_pretrained(folder: str | os.PathLike[str]) -> bool:
    """Tell whether ``folder`` holds an exported model."""
    return all(Path(folder, name).is_file() for name in (CONFIG, WEIGHTS))


def folder_meant(path: str | os.PathLike[str]) -> Path:
    """Return the folder of an exported model, or the run directory that ``path`` means.

    Raises:
        FileNotFoundError: if it is neither.
    """
    return Path(path) if is_pretrained(path) else the_run(path)


def build(config: dict[str, Any], trusted: Sequence[str] = ()) -> TrainedVAE:
    """Build the model that ``config`` describes, its weights not yet loaded.

    Args:
        config: as in ``TrainedVAE``.
        trusted: modules of the user's own that may be built from too.

    Raises:
        ValueError: if ``config`` is not what ``TrainedVAE`` holds, or names what is not trusted.
    """
    try:
        model = trust.build(dict(config["model"]), "model", trusted)
        trained = TrainedVAE(model, config, trusted)
        _ = trained.latent_dim, trained.image_shape, trained.pixels
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{CONFIG} is not what vae-lab wrote: {error!r}") from error
    return trained.eval()


def write(trained: TrainedVAE, folder: Path) -> list[Path]:
    """Write both files into ``folder``; return their paths.

    Raises:
        ImportError: if safetensors is not installed.
    """
    safetensors = require("safetensors.torch", extra="export")
    config, weights = folder / CONFIG, folder / WEIGHTS
    safetensors.save_model(trained, str(weights))
    config.write_text(json.dumps(trained.config, sort_keys=True, indent=2), encoding="utf-8")
    weights.chmod(config.stat().st_mode)  # safetensors makes it readable to its owner alone
    return [config, weights]


def read(folder: str | os.PathLike[str], trusted: Sequence[str] = ()) -> TrainedVAE:
    """Return the model in ``folder``, in evaluation mode, on the CPU.

    Args:
        folder: with both files.
        trusted: as in ``build``.

    Raises:
        ImportError: if safetensors is not installed.
        OSError: if a file cannot be read.
        ValueError: if a file is damaged, they do not fit, or ``build`` refuses the configuration.
    """
    safetensors = require("safetensors.torch", extra="export")
    config, weights = Path(folder, CONFIG), Path(folder, WEIGHTS)
    try:
        trained = build(json.loads(config.read_text(encoding="utf-8")), trusted)
    except json.JSONDecodeError as error:
        raise ValueError(f"{config} is damaged: {error}") from error
    try:
        safetensors.load_model(trained, str(weights))
    except Exception as error:  # safetensors raises many kinds on damaged bytes
        raise ValueError(f"{weights} is damaged or does not fit {config}") from error
    return trained
