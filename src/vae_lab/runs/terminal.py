"""What the terminal says of a run or a sweep at its end, and how anything is said there."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae_lab.evaluation.metrics import METRICS, NATS, metric
from vae_lab.runs.overrides import quoted
from vae_lab.runs.rundir import RunDir
from vae_lab.runs.streams import ForgivingConsole, degrade

NUMBER = re.compile(r"(?<==)(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)", re.IGNORECASE)


def console(stderr: bool = False) -> Console:
    """Return a console on standard output or errors that never raises for what it shows."""
    degrade()
    return ForgivingConsole(stderr=stderr)


def say(line: str) -> None:
    """Print a line as it is."""
    console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)


def tell(*lines: str) -> None:
    """Print lines on standard output as they are."""
    console().print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def fitted(parts: Sequence[tuple[int, str]], room: int) -> str:
    """Return a line of what fits into it.

    Args:
        parts: the line from left to right, each part with its rank: the highest is left out first,
            and none of rank 0.
        room: characters that the line may have.
    """
    left = list(parts)
    while len(line := "  ".join(text for _, text in left)) > room:
        worst = max(left)
        if not worst[0]:
            break
        left.remove(worst)
    return line


def print_sweep(folder: Path, summaries: Mapping[str, Mapping[str, Any]]) -> None:
    """Print how each job of a sweep ended, by the name of its directory."""
    table = Table(title=f"{folder.name}: {len(summaries)} jobs")
    table.add_column("job", overflow="fold")
    for column in ("status", "compared by", "seconds"):
        table.add_column(column, justify="right")
    for name in sorted(summaries, key=_with_numbers):
        summary = summaries[name]
        value = summary.get("metrics", {}).get(summary.get("compared_by"))
        shown = "–" if value is None else f"{summary['compared_by']} {value:.2f}"
        table.add_row(name, summary["status"], shown, f"{summary.get('seconds', 0.0):.0f}")
    console().print(table)
    for name, summary in summaries.items():
        if summary["status"] in ("failed", "damaged"):
            say(f"{name} {summary['status']}: {summary.get('error', '?').removeprefix('error: ')}")
    if summaries:
        tell(f"compare   python scripts/report.py {shlex.quote(str(shown_path(folder)))}")


def _with_numbers(name: str) -> list[tuple[int, float | str]]:
    """Return what sorts the names of jobs, values that are numbers as numbers."""
    parts = NUMBER.split(name)  # every other part is a number
    return [(0, float(part)) if i % 2 else (1, part) for i, part in enumerate(parts)]


def print_outcome(
    run: RunDir,
    summary: dict[str, Any],
    published: str | None = None,
    can_be_explored: bool = True,
) -> None:
    """Print the test metrics as a table, and what one may do with the run.

    Args:
        run: the run.
        summary: how it ended.
        published: what its likelihood may be seen beside.
        can_be_explored: whether the explorer shows such models.
    """
    tested = {k: v for k, v in summary["metrics"].items() if k.startswith("test/")}
    if tested:
        console().print(_table(tested, summary, published))
    where = shlex.quote(str(shown_path(run.path)))
    lines = [f"status    {summary['status']} after {summary['seconds']:.0f} s"]
    if run.images.exists():
        lines += [f"pictures  {shlex.quote(str(shown_path(run.images)))}"]
    if summary["status"] != "failed":
        lines += [f"curves    tensorboard --logdir {where}"]
    if tested and can_be_explored:
        lines += [f"explore   python scripts/explore.py {where}"]
    if tested:
        lines += [f"evaluate  python scripts/evaluate.py {where}"]
    more = [further(run, summary["epochs"])] if summary["status"] == "completed" else []
    tell(*lines, command("go on", resuming(run), *more))


def command(label: str, *parts: str) -> str:
    """Return a command behind its label, in several lines where a terminal is too narrow."""
    line, screen = " ".join([f"{label:<9}", *parts]), console()
    is_too_long = screen.is_terminal and len(line) > screen.width
    return " \\\n            ".join([f"{label:<9} {parts[0]}", *parts[1:]]) if is_too_long else line


def resuming(run: RunDir) -> str:
    """Return the command that goes on with a run."""
    where = shown_path(run.path)
    is_plain = re.fullmatch(r"[\w./-]+", str(where))
    # for the shell, then for Hydra
    return "python train.py " + (f"resume={where}" if is_plain else f'"resume={quoted(where)}"')


def further(run: RunDir, epochs: int) -> str:
    """Return the override that lets a completed run train longer: it lifts what ended the run.

    Args:
        run: the run.
        epochs: how many it has trained.
    """
    config = run.settings()
    trainer, callbacks = config.get("trainer", {}), config.get("callbacks", {})
    most = trainer.get("max_epochs")
    if isinstance(most, int) and 0 <= most <= epochs:
        return f"trainer.max_epochs={2 * max(most, 1)}"
    for key, parent in (("trainer.max_time", trainer), ("callbacks.early_stopping", callbacks)):
        if parent.get(key.rpartition(".")[2]) is not None:
            return f"{key}=null"
    return f"trainer.max_epochs={2 * max(epochs, 1)}"


def shown_path(path: Path) -> Path:
    """Return a path from here, if it lies below the working directory."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _table(tested: Mapping[str, float], summary: Mapping[str, Any], published: str | None) -> Table:
    """Return the test metrics, each with its unit, its good direction, and what it is."""
    is_sampled = any(metric(name).depends_on_samples for name in tested)
    samples = f"; K = {summary['nll_samples']}" if is_sampled else ""
    table = Table(
        title=f"{summary['name']} · {summary['tested']} weights · {summary['epochs']} epochs\n"
        f"in {NATS} unless another unit stands there{samples}",
        title_justify="left",
        box=None,
        header_style="",
        padding=(0, 2, 0, 0),
    )
    table.add_column("test/", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("what it is")
    order = [name for entry in METRICS for name in entry.names]
    for name in sorted(tested, key=lambda name: order.index(name.partition("/")[2])):
        known, value = metric(name), tested[name]
        about = [known.unit if known.unit != NATS else ""]
        about += [f"{known.better} is better" if known.better else ""]
        said = known.meaning.replace("`", "")
        said = ": ".join(filter(None, (", ".join(filter(None, about)), said)))
        said += f"; {published}" if published and name == "test/nll" else ""
        table.add_row(name.partition("/")[2], _figure(value, known.unit), Text(said))
    return table


def _figure(value: float, unit: str) -> str:
    """Return a number in as many digits as it deserves."""
    if not unit and value.is_integer():  # a count
        return f"{value:.0f}"
    return f"{value:.{2 if abs(value) >= 1 or not value else 4}f}"
