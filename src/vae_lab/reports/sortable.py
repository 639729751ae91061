"""Tables of the page, with what each cell is sorted by."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from vae_lab.evaluation.metrics import metric
from vae_lab.reports import drawing, words
from vae_lab.reports.frame import SEED, Frame, seed_of
from vae_lab.reports.row import Run
from vae_lab.reports.statistics import Estimate
from vae_lab.runs.overrides import Value


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: what it says.
        order: the number that it is sorted by; None for its text.
        is_number: whether it is set to the right.
        is_best: whether no other cell of its column is better.
        link: where a click leads, seen from the page.
    """

    text: str
    order: float | None = None
    is_number: bool = False
    is_best: bool = False
    link: str = ""


@dataclass(frozen=True)
class Head:
    """The name of a column.

    Args:
        header: the name.
        is_number: whether it is set to the right.
        unit: of its numbers, and which way is better.
        hint: a sentence about it.
    """

    header: str
    is_number: bool = False
    unit: str = ""
    hint: str = ""


def means_table(frame: Frame) -> dict[str, Any]:
    """Return the table of settings, with means over seeds."""
    names = words.short_names(frame.keys)
    measured = [
        (_metric_head(name), _estimates(name, [s.estimate(name) for s in frame.settings]))
        for name in words.metrics(frame)
    ]
    counts = [len({seed_of(run) for run in setting.runs}) for setting in frame.settings]
    seconds = [setting.estimate(words.SECONDS) for setting in frame.settings]
    columns = [
        *measured[:1],
        *((Head(names[key]), [_setting(s.values[key]) for s in frame.settings])
          for key in frame.keys),
        (Head("seeds", is_number=True), [Cell(str(n), n, is_number=True) for n in counts]),
        *measured[1:],
        (Head("time", is_number=True), [_time(e.mean if e else None) for e in seconds]),
    ]  # fmt: skip
    return _table("Settings, the best first: means over seeds", columns)


def runs_table(frame: Frame) -> dict[str, Any]:
    """Return the table of runs."""
    names = words.short_names(frame.keys)
    measured = []
    for name in words.metrics(frame):
        numbers = [run.metrics.get(name) for run in frame.runs]
        found = [None if number is None else Estimate(number, None, 1) for number in numbers]
        measured.append((_metric_head(name), _estimates(name, found)))
    columns = [(Head("run"), [Cell(run.name, link=link_to(run)) for run in frame.runs])]
    columns += measured[:1]
    for key in [*frame.keys, SEED]:
        cells = [_setting(run.setting(key)) for run in frame.runs]
        if key != SEED or len({cell.text for cell in cells}) > 1:
            columns.append((Head(names.get(key, key)), cells))
    columns += measured[1:]
    epochs = [run.counts.get("epochs") for run in frame.runs]
    columns += [
        (Head("epochs", is_number=True), [_count(number) for number in epochs]),
        (Head("time", is_number=True), [_time(r.counts.get(words.SECONDS)) for r in frame.runs]),
    ]
    return _table("Every run, the best first" if len(frame.runs) > 1 else "The run", columns)


def link_to(run: Run, *inside: str) -> str:
    """Return the address of a run, or of a file in it, seen from the page."""
    return quote("/".join([run.name, *inside])) + ("" if inside else "/")


def _table(title: str, columns: list[tuple[Head, list[Cell]]]) -> dict[str, Any]:
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    return {"title": title, "columns": [head for head, _ in columns], "rows": rows}


def _metric_head(name: str) -> Head:
    entry = metric(name)
    better = {"higher": "↑ is better", "lower": "↓ is better"}.get(entry.better or "", "")
    unit = ", ".join(filter(None, [entry.unit, better]))
    return Head(name, is_number=True, unit=unit, hint=entry.meaning.replace("`", ""))


def _setting(value: Value) -> Cell:
    return Cell(words.show_value(value), float(value) if drawing.is_number(value) else None)


def _estimates(name: str, estimates: list[Estimate | None]) -> list[Cell]:
    better = metric(name).better
    means = [estimate.mean for estimate in estimates if estimate]
    best = None
    if better and len(means) > 1:
        best = max(means) if better == "higher" else min(means)
    return [
        Cell(words.show_estimate(e), e and e.mean, is_number=True,
             is_best=e is not None and e.mean == best)
        for e in estimates
    ]  # fmt: skip


def _time(seconds: float | None) -> Cell:
    return Cell(words.show_seconds(seconds), seconds, is_number=True)


def _count(number: float | None) -> Cell:
    return Cell(words.NOTHING if number is None else f"{number:g}", number, is_number=True)
