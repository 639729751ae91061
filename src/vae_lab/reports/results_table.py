"""The results table: what ``evaluation.json`` files say, beside what was published."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_lab.evaluation.metrics import METRICS
from vae_lab.evaluation.record import FORMAT, VERSION

HEADER = (
    "experiment", "published NLL", "measured NLL", "epochs", "K", "training", "hardware",
    "data", "seed", "changed",
)  # fmt: skip
OTHERS = [metric.name for metric in METRICS if metric.is_in_results]
MINUTE = 60

Evaluation = dict[str, Any]
Row = tuple[str, ...]


def read_evaluations(folder: Path) -> list[Evaluation]:
    """Return every evaluation in a folder and below it, in the order of their paths.

    Raises:
        FileNotFoundError: if ``folder`` is no folder.
        ValueError: if a file was written by another version.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    evaluations = []
    for path in sorted(folder.rglob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            continue
        version = content.get("version")
        if version != VERSION:
            raise ValueError(
                f"{path} has version {version}, this program reads version {VERSION}; "
                "run scripts/evaluate.py again"
            )
        evaluations.append(content)
    return evaluations


def rows(
    evaluations: Sequence[Evaluation], published: Mapping[str, Mapping[str, Any]]
) -> list[Row]:
    """Return the table's cells, one row per evaluation, then one per experiment not run.

    Args:
        evaluations: what ``read_evaluations`` found.
        published: experiments that rerun a published number, by name.
    """
    claimed = [evaluation for evaluation in evaluations if evaluation["published"]]
    done = {_experiment(evaluation) for evaluation in claimed}
    missing = [
        (name, _published_nll(claim), "not run", f"– of {_number(claim['epochs'])}",
         f"– ({claim['num_samples']})", *["–"] * 5)
        for name, claim in published.items()
        if name not in done
    ]  # fmt: skip
    return [_row(evaluation) for evaluation in evaluations] + missing


def other_rows(evaluations: Sequence[Evaluation]) -> list[Row]:
    """Return the experiment and its other metrics, in the order of ``OTHERS``."""
    return [
        (e["run"]["name"], *(show(e["metrics"].get(name)) for name in OTHERS)) for e in evaluations
    ]


def markdown(header: Sequence[str], cells: Sequence[Row]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(evaluation: Evaluation) -> Row:
    run, protocol, claim = evaluation["run"], evaluation["protocol"], evaluation["published"]
    epochs = _number(run["epochs"] or run["epoch_of_weights"])
    samples = str(protocol["num_samples"])
    return (
        run["name"],
        _published_nll(claim) if claim else "–",
        show(evaluation["metrics"].get("nll")),
        f"{epochs} of {_number(claim['epochs'])}" if claim else epochs,
        f"{samples} ({claim['num_samples']})" if claim else samples,
        _duration(run["training_seconds"]),
        _hardware(run["hardware"]),
        "{dataset}, {binarization}, {split} {images:,} (training {training_images:,})".format(
            **protocol
        ),
        str(run["seed"]),
        " ".join(f"`{o}`" for o in run["overrides"] if _is_deviation(o, run["name"])) or "–",
    )


def _number(value: float | None) -> str:
    return "?" if value is None else str(value)


def _experiment(evaluation: Evaluation) -> str:
    """Return the experiment that was run, whatever the run is called."""
    run = evaluation["run"]
    named = [o.partition("=")[2] for o in run["overrides"] if o.startswith("experiment=")]
    return named[-1] if named else run["name"]


def _is_deviation(override: str, name: str) -> bool:
    return override != f"experiment={name}" and not override.startswith("name=")


def _published_nll(claim: Mapping[str, Any]) -> str:
    error = claim["standard_error"]
    return f"{claim['nll']:.2f}" + (f" ± {error:.2f}" if error is not None else "")


def show(figure: Mapping[str, Any] | None) -> str:
    """Return a figure with its standard error, in as many digits as it deserves."""
    if figure is None:
        return "–"
    digits = 3 if figure["unit"] == "fraction" else 2 if abs(figure["value"]) >= 1 else 4
    if not figure["unit"] or figure["unit"].startswith("of "):
        return f"{figure['value']:.0f} {figure['unit']}".strip()
    error = figure["standard_error"]
    return f"{figure['value']:.{digits}f}" + (f" ± {error:.{digits}f}" if error else "")


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds / MINUTE:.0f} min"


def _hardware(hardware: Mapping[str, Any] | None) -> str:
    if hardware is None:
        return "–"
    threads = f", threads: {hardware['threads']}" if hardware["device"] == "cpu" else ""
    return f"{hardware['processes']} × {hardware['name']}{threads}"
