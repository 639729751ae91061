"""The page: ``report.html``, which needs nothing beside it, and ``report.csv``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vae_lab.files import write_atomically
from vae_lab.reports import drawing, words
from vae_lab.reports.charts import charts, front, rate_distortion
from vae_lab.reports.frame import LATENT_DIM, Frame
from vae_lab.reports.gallery import pictures
from vae_lab.reports.sortable import means_table, runs_table
from vae_lab.reports.tables import csv_text

PAGE, TABLE = "report.html", "report.csv"
MOST_VALUES = 12  # of a setting that are listed
PARTS = {"data": "{}", "binarization": "binarization={}", "noise": "dequantize={}",
         "likelihood": "{} likelihood", "K": "K = {}", "judged by": "judged by {}"}  # fmt: skip
ALWAYS_SAID = ("model", "objective", LATENT_DIM)  # also where all runs share them
REASONS = {
    "data": "other images have other likelihoods",
    "binarization": "pixels that were binarised in another way are other data",
    "noise": "densities of pixels with and without noise have different limits",
    "likelihood": "likelihoods measure pixels on scales of their own",
    "K": "an importance-sampled likelihood depends on its number of samples, K",
    "judged by": "they are judged by different metrics",
}


def write_report(frame: Frame) -> list[Path]:
    """Write the report into its folder; return the files, the page first.

    Raises:
        OSError: if a file cannot be written.
    """
    page_file, table_file = frame.folder / PAGE, frame.folder / TABLE
    write_atomically(table_file, csv_text(frame))
    write_atomically(page_file, page(frame))
    return [page_file, table_file]


def page(frame: Frame) -> str:
    """Return the page: every text in it is escaped, and it asks nothing of any server."""
    environment = Environment(
        loader=PackageLoader("vae_lab.reports", "page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    loader = environment.loader
    assert loader is not None
    asset = {
        name: Markup(loader.get_source(environment, file)[0])
        for name, file in (("style", "style.css"), ("script", "sort.js"))
    }
    return environment.get_template("report.html").render(
        title=frame.folder.resolve().name,
        folder=frame.folder,
        state=words.state(frame),
        sweeps=list(_sweeps(frame)),
        notes=frame.notes,
        troubled=frame.troubled,
        sections=[_section(frame, part, number) for number, part in enumerate(frame.sections)],
        csv=TABLE,
        **asset,
    )


def _sweeps(frame: Frame) -> Iterator[dict[str, str]]:
    for name, sweep in frame.sweeps.items():
        size = f", {len(sweep.jobs)} jobs" if sweep.jobs else ""
        size = size or (f", a search of {sweep.trials} trials" if sweep.trials else "")
        command = f"python train.py -m {' '.join(sweep.command)}"
        shown = frame.folder.resolve().name if name == "." else name
        yield {"name": shown, "size": size, "command": command}


def _section(whole: Frame, frame: Frame, number: int) -> dict[str, Any]:
    """Return what the page says of runs that may be ranked together."""
    protocol = frame.runs[0].protocol
    apart = [PARTS[name].format(protocol[name]) for name in whole.apart if protocol[name]]
    reasons = "; ".join(REASONS[name] for name in whole.apart)
    names = words.short_names(frame.keys)
    has_plane = len(list(filter(rate_distortion, frame.settings))) > 1
    tables = [runs_table(frame)]
    if frame.has_seeds:
        tables.insert(0, means_table(frame))
    return {
        "title": " · ".join(apart) or f"{len(frame.runs)} completed",
        "count": len(frame.runs),
        "shared": _shared(frame),
        "reason": f"Not ranked with the other runs: {reasons}." if reasons else "",
        "differences": [(names[key], _values(frame, key)) for key in frame.keys],
        "tables": tables,
        "meaning": words.meaning(frame, words.metrics(frame)),
        "front": [words.show_values(s.values, names) for s in front(frame.settings) if has_plane],
        "charts": [
            {
                "title": title,
                "svg": Markup(drawing.svg(figure, f"c{number}-{index}")),
                "is_wide": figure.get_figwidth() > drawing.WIDTH,
            }
            for index, (title, figure) in enumerate(charts(frame))
        ],
        "pictures": pictures(frame),
    }


def _shared(frame: Frame) -> str:
    """Return what all runs of a section have in common: what they are, and on what."""
    run = frame.runs[0]
    shared = {key: run.setting(key) for key in ALWAYS_SAID if key not in frame.keys}
    what = words.show_values(shared, {key: key for key in shared})
    judged = [PARTS[name].format(value) for name, value in run.protocol.items() if value]
    return " · ".join(filter(None, [what, *judged]))


def _values(frame: Frame, key: str) -> str:
    """List the values of a setting."""
    values = sorted({run.setting(key) for run in frame.runs}, key=drawing.natural_order)
    shown = ", ".join(words.show_value(value) for value in values[:MOST_VALUES])
    return shown + (f", … ({len(values)} values)" if len(values) > MOST_VALUES else "")
