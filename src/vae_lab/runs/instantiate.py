"""From configuration to objects, and to plain data."""

from pathlib import Path
from typing import Any

import hydra.utils
import yaml
from hydra.errors import InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf

FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def instantiate(config: DictConfig | dict[str, Any], **kwargs: Any) -> Any:  # noqa: ANN401
    """Build the object that ``config`` describes; the one place where Hydra does so.

    Raises:
        ValueError: if a constructor cannot be called with these arguments.
        Exception: whatever a constructor raises.
    """
    try:
        return hydra.utils.instantiate(config, _convert_="all", **kwargs)
    except InstantiationException as error:
        is_missing = str(error).startswith("Error locating target")
        if is_missing or isinstance(error.__cause__, TypeError):
            raise ValueError(str(error).partition("full_key")[0]) from error
        raise error.__cause__ or error from None


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
