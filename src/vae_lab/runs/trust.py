"""What may be built when a run or an exported model is opened, which may come from a stranger.

Weights are numbers. A configuration names classes and functions, and Hydra would call whatever it
names; it also refers to values elsewhere, such as the environment. So everything that opens a run
reads its configuration with ``inward`` and builds with ``build``. Training from one's own ``conf/``
is free.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from vae_lab.runs.instantiate import instantiate, to_plain
from vae_lab.runs.moment import OF_THE_MACHINE

LIBRARIES = ("vae_lab", "torch.nn", "torchvision", "zuko")
REFERENCE = re.compile(r"\$\{[\w.\[\]-]+\}")  # to another key; a resolver's has a colon
KINDS = {"model": "network", "data": "data module or network"}


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a script that opens runs the option ``--trust``."""
    parser.add_argument("--trust", action="append", default=[], metavar="MODULE",
                        help="build what the run names in this module of your own too; may be "
                        "given several times")  # fmt: skip


def inward(config: DictConfig, parts: Iterable[str]) -> dict[str, Any]:
    """Return parts of a configuration as plain data; what it does not have is None.

    References from key to key are resolved. A resolver is not called, but for ``OF_THE_MACHINE``.

    Raises:
        ValueError: if a part depends on a resolver, or on a key that is not there.
    """
    closed = OmegaConf.create(_closed(to_plain(config, resolve=False)))
    try:
        found = {part: OmegaConf.select(closed, part, throw_on_missing=True) for part in parts}
        return {
            part: OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
            if OmegaConf.is_config(value)
            else value
            for part, value in found.items()
        }
    except (MissingMandatoryValue, InterpolationToMissingValueError) as error:
        raise _refused(error.full_key) from error
    except OmegaConfBaseException as error:
        raise ValueError(f"the configuration is damaged: {error}") from error


def build(
    description: dict[str, Any], kind: Literal["model", "data"], trusted: Sequence[str]
) -> Any:  # noqa: ANN401
    """Build the model or the data that ``description`` holds, after a look at every part of it.

    Args:
        description: plain data.
        kind: of what is built; a model consists of networks, data of data modules and networks.
        trusted: modules of the user's own, whose classes and functions are called too.

    Raises:
        ValueError: if something else would be called, or it cannot be called so.
    """
    if not isinstance(description, dict) or "_target_" not in description:
        raise ValueError(f"{kind} names no class: it has no _target_")
    _check(description, kind, kind, trusted)
    return instantiate(description)


def _closed(node: Any) -> Any:  # noqa: ANN401
    """Return plain data, with "???" for a missing value where a resolver would be called."""
    if isinstance(node, dict):
        return {key: _closed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_closed(value) for value in node]
    is_outward = (
        isinstance(node, str) and "${" in REFERENCE.sub("", node) and node != OF_THE_MACHINE
    )
    return "???" if is_outward else node


def _refused(key: str | None) -> ValueError:
    return ValueError(
        f"{key} refers to what lies outside the run, such as the environment, and was not read; "
        "write its value into the configuration"
    )


def _check(node: Any, key: str, kind: str, trusted: Sequence[str]) -> None:  # noqa: ANN401
    """Look at every ``_target_`` and for anything that Hydra would still resolve.

    Raises:
        ValueError: if one is not to be trusted.
    """
    if isinstance(node, str) and "${" in node:
        raise _refused(key)
    if isinstance(node, list):
        for number, child in enumerate(node):
            _check(child, f"{key}[{number}]", kind, trusted)
    if isinstance(node, dict):
        for name, child in node.items():
            _check(child, f"{key}.{name}", kind, trusted)
        if "_target_" in node:
            _check_target(str(node["_target_"]), key, kind, trusted)


def _check_target(target: str, key: str, kind: str, trusted: Sequence[str]) -> None:
    """Tell whether ``target`` may be called.

    Raises:
        ValueError: if it may not.
    """
    top, home = target.partition(".")[0], target.rpartition(".")[0]
    is_listed = _is_below(home, (*LIBRARIES, *trusted))
    found = _find(target) if is_listed else None
    source = str(getattr(found, "__module__", ""))
    if _is_below(source, trusted) and callable(found):
        return
    if _is_below(source, LIBRARIES) and isinstance(found, type) and issubclass(found, _bases(kind)):
        return
    if is_listed and found is None:
        raise ValueError(f"{key} names {target}, which is not there, and was not built")
    is_unknown = not is_listed and home and top not in sys.stdlib_module_names
    hint = f"; add trust=[{top!r}] / --trust {top} if you trust it" if is_unknown else ""
    raise ValueError(
        f"{key} names {target}, which is no {KINDS[kind]} of {', '.join((*LIBRARIES, *trusted))}, "
        f"and was not built: a run may come from a stranger{hint}"
    )


def _is_below(module: str, names: Iterable[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _find(target: str) -> object:
    """Return what ``target`` names, or None; only modules are walked through.

    Raises:
        ValueError: if the module that it begins with is not installed.
    """
    home, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(home), name, None)
    except ModuleNotFoundError as error:
        if error.name == home.partition(".")[0]:
            raise ValueError(
                f"there is no module {error.name} for {target}; put the folder that holds it on "
                "PYTHONPATH"
            ) from error
        return None
    except ImportError:
        return None


def _bases(kind: str) -> tuple[type, ...]:
    """Return what may be built; reading a run's folder needs none of these imports."""
    from torch import nn  # noqa: PLC0415

    if kind == "model":
        return (nn.Module,)
    from vae_lab.data import ImageDataModule  # noqa: PLC0415 - imports Lightning, which is slow

    return nn.Module, ImageDataModule
