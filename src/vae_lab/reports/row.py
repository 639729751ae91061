"""One run directory as a row: with which settings, how it ended, what it measured."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.evaluation import record
from vae_lab.evaluation.metrics import METRICS, metric
from vae_lab.runs.curves import Point
from vae_lab.runs.overrides import Value, first_line, parse, plain
from vae_lab.runs.rundir import RunDir

COUNTS = ("epochs", "steps", "seconds", "training_seconds", "images_per_second", "parameters")
# What reading a damaged file, or one of another shape, raises.
DAMAGE = (AttributeError, KeyError, OSError, OmegaConfBaseException, TypeError, ValueError,
          yaml.YAMLError)  # fmt: skip
EMPTY = OmegaConf.create({})


@dataclass(frozen=True)
class Run:
    """One run, as its directory tells.

    Args:
        name: its directory, seen from the folder of the report.
        status: ``completed``, ``running``, ``interrupted``, ``failed``, ``unfinished`` (begun, but
            no process works on it any more), ``damaged``, or ``missing`` (never begun).
        detail: what is wrong with it, or how far it came.
        overrides: the settings that its command line changed, when it was resumed too.
        begun_with: those of the command that began it.
        choices: group → option.
        config: the composed configuration.
        metrics: ``val/…`` at the best epoch (the best so far, if it goes on), ``test/…``, and
            ``evaluation/…`` of ``scripts/evaluate.py``; finite numbers.
        samples: the K of metrics that are sampled.
        images: on what it was trained, as the data say; None in runs that did not write it down.
        compared_by: the metric that compares it with other runs, without its split.
        counts: numbers of the run as a whole, seconds and epochs among them.
        hardware: on what it ran.
        evaluation: the content of ``evaluation.json``.
    """

    name: str
    status: str
    detail: str = ""
    overrides: Mapping[str, Value] = field(default_factory=dict)
    begun_with: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, Value] = field(default_factory=dict)
    config: DictConfig = EMPTY
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, int] = field(default_factory=dict)
    images: str | None = None
    compared_by: str | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    hardware: str = ""
    evaluation: dict[str, Any] | None = None

    @property
    def is_completed(self) -> bool:
        """Whether its numbers count."""
        return self.status == "completed"

    def setting(self, key: str) -> Value:
        """Return the value of a setting or the option of a group, None if there is no such key."""
        if key in self.choices:
            return self.choices[key]
        try:
            value = OmegaConf.select(self.config, key)
        except OmegaConfBaseException:
            value = None
        return self.overrides.get(key) if value is None else plain(value)

    @property
    def protocol(self) -> dict[str, str]:
        """What must be equal for two runs to be ranked together; empty where there is none."""
        noise = self.setting("data.dequantize")
        said: dict[str, Value] = {
            "data": self.images or self.setting("data"),
            "binarization": self.setting("data.binarization"),
            "noise": None if noise is None else str(noise).lower(),
            "likelihood": self.setting("likelihood"),
        }
        said |= {"K": self.samples.get("test/nll"), "judged by": self.compared_by}
        return {name: "" if value is None else str(value) for name, value in said.items()}


def read_run(run: RunDir, name: str) -> Run:
    """Return what a run directory tells; what is damaged is said, and never raised."""
    try:
        return _read(run, name)
    except DAMAGE as error:
        return Run(name, "damaged", first_line(error).replace(f"{run.path}/", ""))


def _read(run: RunDir, name: str) -> Run:
    summary = run.summary()
    metrics = _finite(summary.get("metrics", {}))
    sampled = [f"test/{known.name}" for known in METRICS if known.depends_on_samples]
    samples = {name: summary["nll_samples"] for name in sampled if name in metrics}
    config = OmegaConf.create(run.settings())
    hydra = run.hydra()
    choices = hydra.get("runtime", {}).get("choices", {})
    overrides = parse(run.overrides())
    begun_with = hydra.get("overrides", {}).get("task")
    status = _status(run, summary.get("status"))
    curves = {} if status == "completed" else run.curves()
    if status != "completed":
        metrics |= _finite(run.best_metrics())
    compared_by = summary.get("compared_by")
    epochs = max([summary.get("epochs", 0), *_epochs_done(curves)])
    evaluation, damage = _read_evaluation(run.evaluation_file())
    if evaluation is not None:
        figures = {f"evaluation/{name}": f for name, f in evaluation["metrics"].items()}
        metrics |= _finite({name: figure["value"] for name, figure in figures.items()})
        samples |= {n: f["num_samples"] for n, f in figures.items() if f.get("num_samples")}
    return Run(
        name=name,
        status=status,
        detail=damage or _detail(run, status, summary, epochs, config),
        overrides=overrides,
        begun_with=overrides if begun_with is None else parse(begun_with),
        choices={str(group): plain(option) for group, option in choices.items()},
        config=config,
        metrics=metrics,
        samples=samples,
        images=summary.get("images"),
        compared_by=compared_by and metric(compared_by).name,
        counts=_finite({key: summary.get(key) for key in COUNTS}),
        hardware=_hardware(summary.get("hardware")),
        evaluation=evaluation,
    )


def _hardware(hardware: Mapping[str, Any] | None) -> str:
    if hardware is None:
        return ""
    return "{processes} × {name}, threads: {threads}".format(**hardware)


def _finite(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Return what is a finite number: a mean with one that is not would say nothing."""
    return {
        name: number
        for name, number in numbers.items()
        if isinstance(number, int | float) and math.isfinite(number)
    }


def _status(run: RunDir, status: str | None) -> str:
    """Tell a run that goes on from one that was killed, by its lock."""
    if status not in {None, "running"}:
        return str(status)
    return "running" if run.is_locked() else "unfinished"


def _detail(
    run: RunDir, status: str, summary: Mapping[str, Any], epochs: int, config: DictConfig
) -> str:
    if status == "completed":
        return ""
    if status == "failed":
        return str(summary.get("error") or run.failure() or "no reason was kept")
    if not summary:
        return "ended before training began" if status == "unfinished" else "begins"
    total = OmegaConf.select(config, "trainer.max_epochs")
    return f"after {epochs} of {total} epochs"


def _epochs_done(curves: Mapping[str, list[Point]]) -> Iterator[int]:
    """Yield numbers of epochs that have ended: a validated one has, others when the next begins."""
    for name, points in curves.items():
        for point in points:
            yield point.epoch + name.startswith("val/")


def _read_evaluation(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return what ``scripts/evaluate.py`` wrote, if anything, and what is wrong with it."""
    if not path.exists():
        return None, ""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        is_current = (content["format"], content["version"]) == (
            record.FORMAT,
            record.VERSION,
        )
        if is_current and all("value" in figure for figure in content["metrics"].values()):
            return content, ""
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        pass
    return None, f"{path.name} is damaged or of another version; run scripts/evaluate.py again"
