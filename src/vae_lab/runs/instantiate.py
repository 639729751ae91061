"""From configuration to objects, and to plain data."""

from pathlib import Path
from typing import Any

import hydra.utils
import yaml
from hydra.errors import InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf

from vae_lab.runs import arguments, errors

LIBRARIES = ("lightning", "optuna", "torch", "zuko")  # which know nothing of our keys
FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def instantiate(config: DictConfig | dict[str, Any], **kwargs: Any) -> Any:  # noqa: ANN401
    """Build the object that ``config`` describes; the one place where Hydra does so.

    Raises:
        ValueError: if a target does not exist, or cannot be called with these arguments.
        Exception: whatever a constructor raises.
    """
    node = config if isinstance(config, DictConfig) else OmegaConf.create(config)
    arguments.check(node, list(kwargs))
    try:
        return hydra.utils.instantiate(node, _convert_="all", **kwargs)
    except InstantiationException as error:
        cause = error.__cause__ or error
        _, _, key = str(error).rpartition("full_key: ")
        built = _at(node, key)
        library = str(built["_target_"]).partition(".")[0]
        if library in LIBRARIES and (isinstance(cause, TypeError) or errors.is_users(cause)):
            raise ValueError(arguments.with_key(cause, built, is_library=True)) from cause
        if isinstance(cause, ValueError):
            raise ValueError(arguments.with_key(cause, built, is_library=False)) from cause
        raise cause from None


def _at(node: DictConfig, key: str) -> DictConfig:
    """Return the part of ``node``, or of what it is a part of, that has this full key."""
    return next((part for part in arguments.parts(node) if part._get_full_key(None) == key), node)


def to_plain(node: DictConfig | ListConfig | None, resolve: bool = True) -> Any:  # noqa: ANN401
    """Return a part of a configuration as dictionaries, lists, numbers and strings."""
    return OmegaConf.to_container(node, resolve=resolve) if node is not None else None


def read_plain(path: Path) -> dict[str, Any]:
    """Return what a file of Hydra's holds, much faster than OmegaConf; nothing if there is none.

    Raises:
        ValueError: if it is damaged.
    """
    if not path.exists():
        return {}
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=FAST_LOADER)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not what Hydra wrote")
    return content
