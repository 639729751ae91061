"""The rows of a report: all runs of a folder, the settings they differ in, and who shares them."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vae_lab.evaluation.metrics import metric
from vae_lab.reports.row import Run, read_run
from vae_lab.reports.statistics import Estimate, over_seeds
from vae_lab.runs.overrides import MULTIRUN, Sweep, Value, first_line, read_sweep
from vae_lab.runs.rundir import RunDir

SEED = "seed"
LATENT_DIM = "latent_dim"
RATE, RECONSTRUCTION = "test/kl", "test/reconstruction"


@dataclass(frozen=True)
class Setting:
    """Completed runs that differ in nothing but their seed.

    Args:
        values: key → value of what differs between settings.
        runs: its runs.
    """

    values: dict[str, Value]
    runs: Sequence[Run]

    @property
    def protocol(self) -> tuple[str, ...]:
        """What must be equal for settings to be ranked together."""
        return tuple(self.runs[0].protocol.values())

    def estimate(self, metric: str) -> Estimate | None:
        """Return the mean of a metric or a count over seeds, None if no run has it."""
        values: dict[int, list[float]] = {}
        for run in self.runs:
            number = run.metrics.get(metric, run.counts.get(metric))
            if number is not None:
                values.setdefault(seed_of(run), []).append(number)
        return over_seeds(values)


@dataclass(frozen=True)
class Frame:
    """All runs of a folder, and what the sweeps in it were told to do.

    Args:
        folder: where they lie.
        runs: every run, those that are missing included.
        sweeps: folder → its sweep, seen from ``folder``.
        notes: what could not be read.
    """

    folder: Path
    runs: list[Run]
    sweeps: dict[str, Sweep]
    notes: list[str]

    @classmethod
    def read(cls, folder: Path) -> "Frame":
        """Read every run in a folder and below it.

        Raises:
            FileNotFoundError: if ``folder`` is no folder.
        """
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is not a folder")
        found, sweeps, notes = [], {}, []
        for place in _walk(folder):
            name = place.relative_to(folder).as_posix()
            run = RunDir(place)
            if run.is_composed or run.is_begun:
                found.append(read_run(run, name))
            if (place / MULTIRUN).is_file():
                try:
                    sweeps[name] = read_sweep(place / MULTIRUN)
                except (OSError, ValueError) as error:
                    notes.append(first_line(error))
        for name, sweep in sweeps.items():
            found += _missing(name, sweep, [run for run in found if _lies_in(run, name)])
        return cls(folder, found, sweeps, notes)

    @property
    def completed(self) -> list[Run]:
        """The runs whose numbers count."""
        return [run for run in self.runs if run.is_completed]

    @property
    def troubled(self) -> list[Run]:
        """The runs to warn of: missing, failed, unfinished, damaged."""
        return [run for run in self.runs if not run.is_completed or run.detail]

    @cached_property
    def keys(self) -> list[str]:
        """The settings that differ between runs, the seed left out, in the order of commands."""
        changed = dict.fromkeys(key for run in self.runs for key in run.overrides)
        keys = [key for key in dict.fromkeys([*changed, LATENT_DIM]) if key != SEED]
        return [key for key in keys if len(self._values(key)) > 1]

    def _values(self, key: str) -> set[Value]:
        """Return the values of a setting; of a missing run only what its command line says."""
        return {
            run.setting(key)
            for run in self.runs
            if key in run.overrides or run.status not in {"missing", "damaged"}
        }

    @cached_property
    def compared_by(self) -> list[str]:
        """What runs are compared by, without the split, the most frequent first."""
        names = [run.compared_by for run in self.runs if run.compared_by is not None]
        return sorted(set(names), key=lambda name: (-names.count(name), name))

    @cached_property
    def settings(self) -> list[Setting]:
        """The completed runs by what they differ in.

        Those that may be compared stand together, best validation (or else test) first.
        """
        groups: dict[tuple[Value, ...], list[Run]] = {}
        for run in self.completed:
            groups.setdefault(tuple(run.setting(key) for key in self.keys), []).append(run)
        settings = [
            Setting(dict(zip(self.keys, values, strict=True)), group)
            for values, group in groups.items()
        ]
        protocols = [setting.protocol for setting in settings]
        judges = [*self.compared_by, None]
        return sorted(
            settings,
            key=lambda setting: (
                -protocols.count(setting.protocol),
                judges.index(setting.runs[0].compared_by),
                setting.protocol,
                self._rank(setting),
            ),
        )

    @property
    def apart(self) -> list[str]:
        """What keeps some settings from being ranked with others; nothing if all may be."""
        protocols = [run.protocol for run in self.completed]
        names = protocols[0] if protocols else {}
        return [name for name in names if len({protocol[name] for protocol in protocols}) > 1]

    @cached_property
    def sections(self) -> list["Frame"]:
        """The completed runs, best first, as frames of those that may be ranked together."""
        sections: dict[tuple[str, ...], list[Run]] = {}
        for setting in self.settings:
            for run in setting.runs:
                sections.setdefault(tuple(run.protocol.values()), []).append(run)
        return [Frame(self.folder, runs, {}, []) for runs in sections.values()]

    @property
    def common(self) -> dict[str, Value]:
        """The commonest value of each key that differs between settings."""
        return {
            key: Counter(setting.values[key] for setting in self.settings).most_common(1)[0][0]
            for key in (self.keys if self.settings else [])
        }

    @property
    def has_seeds(self) -> bool:
        """Whether some setting was run with more than one seed."""
        return any(len({seed_of(run) for run in setting.runs}) > 1 for setting in self.settings)

    def has(self, metric: str) -> bool:
        """Tell whether any completed run measured a metric."""
        return any(metric in run.metrics for run in self.completed)

    def _rank(self, setting: Setting) -> tuple[int, float]:
        for split in ("val", "test"):
            for number, name in enumerate(self.compared_by):
                estimate = setting.estimate(f"{split}/{name}")
                if estimate is not None:
                    sign = -1 if metric(name).higher_is_better else 1
                    return number, sign * estimate.mean
        return len(self.compared_by), 0.0


def seed_of(run: Run) -> int:
    """Return the seed of a run."""
    seed = run.setting(SEED)
    return seed if isinstance(seed, int) else 0


def _walk(folder: Path) -> Iterator[Path]:
    """Yield a folder and those below it by name, without what lies hidden."""
    for place, below, _ in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(place)


def _lies_in(run: Run, sweep: str) -> bool:
    return sweep == "." or run.name.startswith(f"{sweep}/")


def _missing(name: str, sweep: Sweep, begun: list[Run]) -> Iterator[Run]:
    """Yield the jobs of a sweep that were never begun."""
    for job in sweep.jobs:
        if all(run.begun_with != job for run in begun):
            settings = (
                ",".join(f"{key}={job[key]}" for key in sorted(sweep.varied)) or "its only job"
            )
            place = "" if name == "." else f"{name}/"
            yield Run(f"{place}{settings}", "missing", "was never begun", overrides=job,
                      choices=sweep.choices | job)  # fmt: skip
