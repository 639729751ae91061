"""Overrides: ``key=value`` as the command line has it, and the jobs that a sweep makes of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig

from vae_lab.runs.instantiate import read_plain

MULTIRUN = "multirun.yaml"
# Keys that say where a run lies or what is drawn of it, but not what it computes.
NO_SETTINGS = {
    "compile", "data.root", "logger", "name", "pictures_every_n_epochs", "resume", "run_dir",
    "sweep",
}  # fmt: skip
NO_SETTINGS_BELOW = ("hydra", "logger.", "sweep.")
OF_A_SLOT = re.compile(r"^([+~]*)((?:conditioning|likelihood|posterior|prior)\.)")

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Sweep:
    """What a sweep was told to do.

    Args:
        command: the overrides of its command line.
        jobs: the overrides of each job; empty for a search, whose jobs nobody knows beforehand.
        trials: how many jobs a search was to try.
        choices: group → option of what no override changes.
    """

    command: list[str]
    jobs: list[dict[str, Value]]
    trials: int | None
    choices: dict[str, Value]

    @property
    def varied(self) -> list[str]:
        """The settings in which the jobs of a grid differ."""
        first = self.jobs[0] if self.jobs else {}
        return [key for key in first if len({job[key] for job in self.jobs}) > 1]


def in_full(override: str) -> str:
    """Return an override with the place of its key: ``prior.spread=2`` is of ``model.prior``."""
    return OF_A_SLOT.sub(r"\1model.\2", override)


def read_sweep(path: Path) -> Sweep:
    """Return what Hydra's sweeper saved in ``multirun.yaml``.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged.
    """
    try:
        hydra = read_plain(path)["hydra"]
        command = [str(line) for line in hydra["overrides"]["task"]]
        sweeper = dict(hydra["sweeper"])
        choices = {str(group): plain(name) for group, name in hydra["runtime"]["choices"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {first_line(error)}") from error
    params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    if "n_trials" in sweeper:
        return Sweep(params + command, [], sweeper["n_trials"], choices)
    return Sweep(params + command, list(grid([*params, *command])), None, choices)


def grid(command: list[str]) -> Iterable[dict[str, Value]]:
    """Yield the overrides of each job that Hydra's basic sweeper makes of a command line."""
    try:
        parsed = OverridesParser.create().parse_overrides(command)
        batches = BasicSweeper.split_arguments(parsed, None)
    except HydraException:  # not a grid: another sweeper's syntax
        return
    for batch in batches:
        for job in batch:
            yield parse(job)


def varied(run_dir: Path, settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return those of a run's settings that its sweep varies; outside a grid, all of them."""
    path = run_dir.parent / MULTIRUN
    try:
        keys = _varied(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        keys = []
    return {key: value for key, value in settings.items() if not keys or key in keys}


@lru_cache
def _varied(path: Path, changed: int) -> list[str]:
    return read_sweep(path).varied


def parse(lines: Iterable[str]) -> dict[str, Value]:
    """Return the settings that overrides change: key, without ``+`` and the like, → value."""
    settings = dict(_parse_line(str(line)) for line in lines)
    return {
        key: value
        for key, value in settings.items()
        if key not in NO_SETTINGS and not key.startswith(NO_SETTINGS_BELOW)
    }


@cache
def _parse_line(line: str) -> tuple[str, Value]:
    try:
        override = OverridesParser.create().parse_override(line)
    except HydraException:
        return line, None
    return override.key_or_group, plain(override.value())


def quoted(text: object) -> str:
    """Return a text as a value on Hydra's command line, whatever characters it holds."""
    return QuotedString(str(text), Quote.single).with_quotes()


def plain(value: Any) -> Value:  # noqa: ANN401
    """Return a setting as a number or a short string; a part by the name of its class."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping | DictConfig):
        return str(value.get("_target_", "{…}")).rpartition(".")[2]
    if isinstance(value, list | tuple | ListConfig):
        return "[" + ",".join(str(plain(item)) for item in value) + "]"
    return str(value)


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
