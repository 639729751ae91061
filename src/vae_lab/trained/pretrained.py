"""A folder with ``config.json`` and ``model.safetensors``, as the Hugging Face mixin writes it.

Such a folder may come from a stranger. Its weights are numbers; its configuration names classes,
and only modules of networks are built from it.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any

from torch import nn

from vae_lab.extras import require
from vae_lab.runs.instantiate import instantiate
from vae_lab.trained.loaded import TrainedVAE

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TRUSTED = ("vae_lab", "torch.nn", "zuko")


def is_pretrained(folder: str | os.PathLike[str]) -> bool:
    """Tell whether ``folder`` holds an exported model."""
    return all(Path(folder, name).is_file() for name in (CONFIG, WEIGHTS))


def build(config: dict[str, Any]) -> TrainedVAE:
    """Build the model that ``config`` describes, its weights not yet loaded.

    Raises:
        ValueError: if ``config`` is not what ``TrainedVAE`` holds, or names a class that is no
            module of vae-lab, ``torch.nn`` or zuko.
    """
    try:
        _refuse_strangers(config["model"])
        trained = TrainedVAE(instantiate(dict(config["model"])), config)
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


def read(folder: str | os.PathLike[str]) -> TrainedVAE:
    """Return the model in ``folder``, in evaluation mode, on the CPU.

    Raises:
        ImportError: if safetensors is not installed.
        OSError: if a file cannot be read.
        ValueError: if a file is damaged, they do not fit, or ``build`` refuses the configuration.
    """
    safetensors = require("safetensors.torch", extra="export")
    config, weights = Path(folder, CONFIG), Path(folder, WEIGHTS)
    try:
        trained = build(json.loads(config.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(f"{config} is damaged: {error}") from error
    try:
        safetensors.load_model(trained, str(weights))
    except Exception as error:  # safetensors raises many kinds on damaged bytes
        raise ValueError(f"{weights} is damaged or does not fit {config}") from error
    return trained


def _refuse_strangers(node: Any) -> None:  # noqa: ANN401
    """Look at every ``_target_`` and every interpolation before Hydra does.

    Raises:
        ValueError: if one names anything but a module of a trusted library.
    """
    if isinstance(node, str) and "${" in node:
        raise ValueError(f"{CONFIG} may not refer to anything outside itself, as {node!r} does")
    for child in node.values() if isinstance(node, dict) else node if _is_list(node) else ():
        _refuse_strangers(child)
    if isinstance(node, dict) and "_target_" in node and not _is_module(node["_target_"]):
        raise ValueError(
            f"{CONFIG} names {node['_target_']}, which is no module of {', '.join(TRUSTED)}, and "
            "was not loaded: such a file may come from a stranger. Open the run directory instead"
        )


def _is_list(node: object) -> bool:
    return isinstance(node, list)


def _is_module(target: str) -> bool:
    """Tell whether ``target`` is the path of a network module's class in a trusted library."""
    home, _, name = target.rpartition(".")
    if not any(home == library or home.startswith(f"{library}.") for library in TRUSTED):
        return False
    try:
        found = getattr(importlib.import_module(home), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, nn.Module)
