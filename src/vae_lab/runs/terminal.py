"""What the terminal says at the end of a run."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vae_lab.evaluation.metrics import metric
from vae_lab.runs.overrides import quoted
from vae_lab.runs.rundir import RunDir
from vae_lab.runs.streams import ForgivingConsole, degrade


def console(stderr: bool = False) -> Console:
    """Return a console on standard output or errors that never raises for what it shows."""
    degrade()
    return ForgivingConsole(stderr=stderr)


def say(line: str) -> None:
    """Print a line as it is."""
    console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)


def print_sweep(folder: Path, summaries: Mapping[str, Mapping[str, Any]]) -> None:
    """Print how each job of a sweep ended, by the name of its directory."""
    table = Table(title=f"{folder.name}: {len(summaries)} jobs")
    table.add_column("job", overflow="fold")
    for column in ("status", "compared by", "seconds"):
        table.add_column(column, justify="right")
    for name, summary in summaries.items():
        value = summary.get("metrics", {}).get(summary.get("compared_by"))
        shown = "–" if value is None else f"{summary['compared_by']} {value:.2f}"
        table.add_row(name, summary["status"], shown, f"{summary.get('seconds', 0.0):.0f}")
    console().print(table)
    for name, summary in summaries.items():
        if summary["status"] in ("failed", "damaged"):
            say(f"{name} {summary['status']}: {summary.get('error', '?').removeprefix('error: ')}")


def print_outcome(run: RunDir, summary: dict[str, Any]) -> None:
    """Print the test metrics as a table, and where to look at the run."""
    screen = console()
    tested = {k: v for k, v in summary["metrics"].items() if k.startswith("test/")}
    if tested:
        table = Table(
            title=f"{summary['name']} · {summary['tested']} weights · {summary['epochs']} epochs"
        )
        table.add_column("metric")
        table.add_column("value", justify="right")
        table.add_column("unit")
        for name, value in tested.items():
            known = metric(name)
            samples = f"  (K = {summary['nll_samples']})" if known.depends_on_samples else ""
            digits = 2 if abs(value) >= 1 or not value else 4
            table.add_row(name, f"{value:.{digits}f}", known.unit + samples)
        screen.print(table)
    here = Path.cwd()
    where = run.path.relative_to(here) if run.path.is_relative_to(here) else run.path
    lines = [f"status    {summary['status']} after {summary['seconds']:.0f} s"]
    if run.images.exists():
        lines.append(f"pictures  {where / run.images.name}")
    if summary["status"] != "failed":
        lines.append(f"curves    tensorboard --logdir {where}")
    if summary["status"] != "completed":
        is_plain = re.fullmatch(r"[\w./-]+", str(where))
        # for the shell, then for Hydra
        override = f"resume={where}" if is_plain else f'"resume={quoted(where)}"'
        lines.append(f"go on     python train.py {override}")
    screen.print("\n".join(lines), highlight=False, soft_wrap=True)
