"""The page: ``report.md`` with its pictures, and ``report.csv``, in the folder of the runs."""

import io
from collections.abc import Sequence
from pathlib import Path

from vae_lab.files import write_atomically
from vae_lab.reports import results_table, words
from vae_lab.reports.charts import front, pictures, protocols
from vae_lab.reports.frame import Frame
from vae_lab.reports.tables import Column, csv_text, run_columns, setting_columns

PAGE, TABLE, PICTURES = "report.md", "report.csv", "report_*.png"


def write_report(frame: Frame) -> list[Path]:
    """Write the report into its folder; return the files, the page first.

    Raises:
        OSError: if a file cannot be written.
    """
    folder = frame.folder
    for path in folder.glob(PICTURES):
        path.unlink()
    shown = []
    for name, title, figure in pictures(frame):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        write_atomically(folder / name, buffer.getvalue())
        shown.append((name, title))
    write_atomically(folder / TABLE, csv_text(frame))
    write_atomically(folder / PAGE, page(frame, shown))
    return [folder / PAGE, folder / TABLE, *(folder / name for name, _ in shown)]


def page(frame: Frame, shown: Sequence[tuple[str, str]]) -> str:
    """Return the page in Markdown.

    Args:
        frame: the rows.
        shown: file name and title of each picture.
    """
    parts = [
        f"# {frame.folder.name or frame.folder.resolve().name}",
        f"Written by `python scripts/report.py {frame.folder}` from the run directories.",
        f"{words.state(frame)}.",
        *_commands(frame),
        *_notes(frame),
    ]
    if frame.settings:
        parts += [
            "## Settings, the best first",
            _markdown(setting_columns(frame)),
            words.meaning(frame, words.metrics(frame)),
            *_front(frame),
        ]
    parts += [f"## {title}\n\n![{title}]({name})" for name, title in shown]
    parts += [
        "## Every run",
        _markdown(run_columns(frame)),
        f"All metrics, unrounded: [`{TABLE}`]({TABLE}).",
    ]
    return "\n\n".join(parts) + "\n"


def _commands(frame: Frame) -> list[str]:
    commands = []
    for name, sweep in frame.sweeps.items():
        of_all = sweep.jobs and f", {len(sweep.jobs)} jobs"
        of_all = of_all or (f", a search of {sweep.trials} trials" if sweep.trials else "")
        commands.append(f"Sweep `{name}`{of_all}:\n`python train.py -m {' '.join(sweep.command)}`")
    return commands


def _notes(frame: Frame) -> list[str]:
    parts = list(frame.notes)
    if frame.troubled:
        cells = [(f"`{run.name}`", run.status, _cell(run.detail)) for run in frame.troubled]
        parts += [
            "## Missing, failed or unfinished",
            results_table.markdown(("run", "status", "why, or how far"), cells),
        ]
    return parts


def _front(frame: Frame) -> list[str]:
    names = words.short_names(frame.keys)
    lines = []
    for protocol, settings in protocols(frame).items():
        on_it = [words.show_values(s.values, names) or "the only setting" for s in front(settings)]
        lines.append(
            f"On the Pareto front of rate and distortion ({', '.join(protocol)}): "
            + "; ".join(f"`{name}`" for name in on_it) + "."
        )  # fmt: skip
    return lines


def _markdown(columns: Sequence[Column]) -> str:
    rows = [tuple(map(_cell, row)) for row in zip(*(c.cells for c in columns), strict=True)]
    return results_table.markdown([column.header for column in columns], rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
