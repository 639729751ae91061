"""Tables: the settings and their means for the terminal, every run as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vae_lab.reports import words
from vae_lab.reports.frame import SEED, Frame, seed_of
from vae_lab.reports.row import Run

BORDER = 3  # characters between two columns
COLORS = {"failed": "red", "damaged": "red", "missing": "yellow", "unfinished": "yellow"}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        header: its name.
        cells: one text per row.
        is_number: whether it is set to the right.
        may_go: whether it may be left out where there is no room.
    """

    header: str
    cells: list[str]
    is_number: bool = True
    may_go: bool = False

    @property
    def width(self) -> int:
        """Characters it takes on a terminal, its border included."""
        return max(map(len, [*self.heading.split("\n"), *self.cells])) + BORDER

    @property
    def heading(self) -> str:
        """Its name for a terminal, in two lines if it names a split."""
        return self.header.replace("/", "/\n", 1)


def setting_columns(frame: Frame) -> list[Column]:
    """Return the table of settings: what differs, how many seeds, and the means over them."""
    settings, names = frame.settings, words.short_names(frame.keys)
    columns = [
        Column(names[key], [words.show_value(s.values[key]) for s in settings], is_number=False)
        for key in frame.keys
    ]
    return columns + _figures(frame)


def narrow_columns(frame: Frame) -> list[Column]:
    """Return the same table with all that differs in one column, the commonest values left out."""
    cells = [words.show_uncommon(frame, setting) for setting in frame.settings]
    return [Column("setting", [c or "–" for c in cells], is_number=False), *_figures(frame)]


def _figures(frame: Frame) -> list[Column]:
    settings = frame.settings
    columns = []
    if any(len(setting.runs) > 1 for setting in settings):
        counts = [str(len({seed_of(run) for run in setting.runs})) for setting in settings]
        columns.append(Column("seeds", counts))
    shown = words.metrics(frame)
    for number, metric in enumerate(shown):
        cells = [words.show_estimate(setting.estimate(metric)) for setting in settings]
        columns.append(Column(metric, cells, may_go=number > 1 and not metric.startswith("val/")))
    seconds = [setting.estimate(words.SECONDS) for setting in settings]
    times = [words.show_seconds(e.mean if e else None) for e in seconds]
    return [*columns, Column("time", times, may_go=True)]


def fit(columns: Sequence[Column], width: int) -> list[Column]:
    """Leave out columns, the last first but time last, until a table fits into ``width``."""
    kept = list(columns)
    for column in [*reversed(columns[:-1]), columns[-1]]:
        if sum(c.width for c in kept) + 1 <= width:
            break
        if column.may_go:
            kept.remove(column)
    return kept


def print_overview(frame: Frame, console: Console) -> None:
    """Print the means of every setting, and a line about each run that is not completed."""
    console.print(f"{frame.folder} · {words.state(frame)}", markup=False, highlight=False)
    if frame.settings:
        _print_settings(frame, console)
    for note in frame.notes:
        console.print(escape(note), style="red", highlight=False)
    if frame.troubled:
        table = Table(box=None, pad_edge=False, show_header=False)
        for _ in range(3):
            table.add_column(overflow="fold")
        for run in frame.troubled:
            table.add_row(run.status, escape(run.name), escape(run.detail),
                          style=COLORS.get(run.status))  # fmt: skip
        console.print(table)


def _print_settings(frame: Frame, console: Console) -> None:
    columns, addition = fit(setting_columns(frame), console.width), ""
    if sum(column.width for column in columns) >= console.width:
        columns = fit(narrow_columns(frame), console.width)
        addition = f" Settings that are not named: {words.show_common(frame)}."
    table = Table()
    for column in columns:
        justify = "right" if column.is_number else "left"
        table.add_column(column.heading, justify=justify, overflow="fold")
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        is_best = number == 0 and not frame.apart
        table.add_row(*map(escape, row), style="bold" if is_best else None)
    console.print(table)
    shown = [column.header for column in columns if column.header in words.metrics(frame)]
    console.print(words.meaning(frame, shown) + addition, markup=False, highlight=False)


def csv_text(frame: Frame) -> str:
    """Return every run with all its settings, metrics and counts, unrounded, as CSV."""
    counts = sorted({name for run in frame.runs for name in run.counts})
    measured = sorted({name for run in frame.runs for name in run.metrics})
    header = [
        "run",
        "status",
        *frame.keys,
        SEED,
        "compared_by",
        *measured,
        *counts,
        "hardware",
        "detail",
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for run in frame.runs:
        writer.writerow(_csv_row(run, frame.keys, measured, counts))
    return text.getvalue()


def _csv_row(run: Run, keys: list[str], measured: list[str], counts: list[str]) -> list[object]:
    return [
        run.name, run.status, *map(run.setting, keys), run.setting(SEED), run.compared_by,
        *map(run.metrics.get, measured), *map(run.counts.get, counts), run.hardware, run.detail,
    ]  # fmt: skip
